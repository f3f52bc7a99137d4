"""Files of a trained model: its bundle, and tensors without pickle."""
