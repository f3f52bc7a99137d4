"""Security: attacks on models, and what holds against them."""
