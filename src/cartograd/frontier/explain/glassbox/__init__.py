"""Models that explain themselves: by concepts, and by examples that they remember."""
