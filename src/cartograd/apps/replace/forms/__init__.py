"""Forms in which models are shipped: each takes raw examples by its own preprocessing."""
