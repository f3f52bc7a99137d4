"""Optimizers, schedules, averages of weights, accumulation: what a step does with gradients."""
