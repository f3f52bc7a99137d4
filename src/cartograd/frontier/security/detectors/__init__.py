"""Signs of poisoned examples and of backdoors, and of inputs that an attack has changed."""
