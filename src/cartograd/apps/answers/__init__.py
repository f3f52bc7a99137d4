"""What a model's output means: a file for each task, which names it (see `core.task`)."""
