"""Batches: what `fit` accepts as data, in an order that can be repeated."""
