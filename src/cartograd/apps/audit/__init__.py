"""The audit card: what is known of a model before it goes out, and what nobody has tested."""
