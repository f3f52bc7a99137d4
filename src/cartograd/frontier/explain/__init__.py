"""Explanations: which parts of an input a model's output depends on."""
