"""Security: attacks on models, and defences."""
