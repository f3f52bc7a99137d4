"""A model copied by asking it, and what it may answer so that less is copied."""
