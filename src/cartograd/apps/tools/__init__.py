"""A language model that calls tools: what they are, the loop, and the model's side of it."""
