"""Deployment: exporting a trained model to run without Python."""
