"""Secure inference: answers by parties of whom none sees the question or the model."""
