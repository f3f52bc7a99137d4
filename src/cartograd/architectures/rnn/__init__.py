"""Recurrent networks: a cell that reads a row step by step and remembers."""
