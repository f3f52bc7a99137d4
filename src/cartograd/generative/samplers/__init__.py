"""Ways from noise to an example, by a network that takes noise away."""
