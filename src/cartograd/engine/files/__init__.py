"""Files of a run: its folder, its bundle, tensors without pickle."""
