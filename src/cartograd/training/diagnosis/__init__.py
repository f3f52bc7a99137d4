"""What a training run does, and what that means: each look works on a copy and leaves no trace."""
