"""A run's numbers: running means, sinks, progress."""
