"""Augmentation of sound, whole batches at once."""
