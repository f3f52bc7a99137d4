"""Generators that are taught by a critic: generative adversarial networks."""
