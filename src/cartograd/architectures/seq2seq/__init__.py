"""Sequence to sequence: one network reads a row, another writes the answer, looking back at it."""
