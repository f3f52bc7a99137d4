"""Latent diffusion as others publish it: folders of configurations and weights."""
