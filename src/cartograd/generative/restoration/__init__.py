"""Networks that restore whole pictures of degraded ones."""
