"""Text as the numbers of a model, and back."""
