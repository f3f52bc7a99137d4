"""Inputs brought back to what data are like, before a model sees them."""
