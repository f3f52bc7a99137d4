"""Diffusion models: networks that take noise away, a little at a time."""
