"""Explanations: what in an input an answer rests on."""
