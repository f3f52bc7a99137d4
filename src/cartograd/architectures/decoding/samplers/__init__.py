"""Samplers: functions of the logits before a token is sampled, applied one after another."""
