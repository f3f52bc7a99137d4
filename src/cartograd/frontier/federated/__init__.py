"""Federated learning: many who keep their examples to themselves train one model."""
