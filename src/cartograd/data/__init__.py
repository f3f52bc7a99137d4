"""Data: sources of real and synthetic examples, each with a signature, and how they are batched."""
