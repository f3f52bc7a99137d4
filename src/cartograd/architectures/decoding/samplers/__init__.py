"""What becomes of the logits before a token is drawn; samplers are applied one after another."""
