"""What a model has learned as a whole, told by many examples at once."""
