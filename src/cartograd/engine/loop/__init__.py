"""The training loop and all that it asks before, while and after it steps."""
