"""Logging: running means of losses and metrics, sinks, progress, callbacks."""
