"""Preferences: what is made of answers that somebody liked better than others."""
