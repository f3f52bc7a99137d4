"""Speech: where it is, whose it is, and what it says."""
