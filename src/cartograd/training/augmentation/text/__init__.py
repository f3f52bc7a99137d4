"""Augmentation of text: sentences as lists of words."""
