"""Autoencoders: an example becomes a short code, and the code an example again."""
