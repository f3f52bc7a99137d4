"""Objectives: what the engine asks a model to learn, one protocol for every kind of learning."""
