"""Recurrent networks: a cell that reads a sequence step by step and keeps a state."""
