"""As executorch has it."""
