"""Generative models (chapter 4): adversarial, variational, diffusion, autoregressive, flows."""
