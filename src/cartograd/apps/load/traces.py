"""The traces that there are, by name."""

TRACES = ("notes", "descent", "field", "filters", "maps", "gates", "alignment")

LOOKS = ("maps", "gates", "alignment")
"""Those that need a trained model and something for it to read."""
