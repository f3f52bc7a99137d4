"""Latent diffusion: pictures are made as codes of an autoencoder, told by texts."""
