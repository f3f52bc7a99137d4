"""Augmentation of images, whole batches at once: pixels in [0, 1], or bytes."""
