"""From networks to answers: several of them averaged, windows of long clips, and timelines."""
