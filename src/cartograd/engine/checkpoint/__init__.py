"""Checkpoints: when they are written, what is in them, which stay."""
