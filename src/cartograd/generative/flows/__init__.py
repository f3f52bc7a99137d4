"""Normalising flows: invertible networks, whose densities are exact."""
