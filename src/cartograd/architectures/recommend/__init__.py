"""Recommenders: a row of weights for each user and each item, and how the two are joined."""
