"""What a path holds, and every file format that Paddle and torch wrote."""
