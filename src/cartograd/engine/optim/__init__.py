"""Optimizers, schedules, averages of weights, gradient accumulation."""
