"""Deployment: a trained model where Python is not."""
