"""Compression: models made smaller and faster by quantisation, pruning and distillation."""
