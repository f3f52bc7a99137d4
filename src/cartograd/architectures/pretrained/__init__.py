"""Pretrained weights: each file reads one published set, or one family's file format."""
