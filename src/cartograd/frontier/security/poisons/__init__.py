"""Training examples changed to mislead the model that learns from them."""
