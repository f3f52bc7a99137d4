"""What is done to whole pictures before a model sees them that is to restore them."""
