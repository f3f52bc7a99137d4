"""StyleGAN2: a latent becomes a style, and styles steer what each layer does."""
