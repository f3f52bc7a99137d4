"""CycleGAN: pictures of one domain as pictures of another, without pairs."""
