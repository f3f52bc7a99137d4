"""Exams: language models are asked the items of a task file, and what they answer is counted."""
