"""Alignment: language models that are told how good their own answers are."""
