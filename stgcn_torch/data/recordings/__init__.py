"""What readers find and what becomes of it: scenes, tracks, joints of another layout, and clips on disk."""
