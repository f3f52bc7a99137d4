"""Losses: how wrong an answer is, one number per example, as plain functions."""
