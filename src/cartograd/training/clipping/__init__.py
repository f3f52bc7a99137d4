"""Clipping: a gradient that is too long is made shorter before the step."""
