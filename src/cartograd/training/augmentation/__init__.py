"""Augmentation: changed copies of training examples, each a function of seed, epoch and index."""
