"""The tasks, one file each; `core.task` finds them by name."""
