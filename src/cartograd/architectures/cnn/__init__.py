"""Convolutional networks: local filters that are shared over the whole image."""
