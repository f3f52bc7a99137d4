"""Adapters: small changes beside the weights of a network that has learned, trained for them."""
