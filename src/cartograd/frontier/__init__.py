"""Frontier (chapter 6): language models, search, self-supervision, explanation, security."""
