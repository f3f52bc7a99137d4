"""Losses: one number per example, as plain functions of outputs and targets."""
