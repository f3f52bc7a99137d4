"""Sequence to sequence: an encoder reads a sequence, a decoder generates the output from it."""
