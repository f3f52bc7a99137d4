"""Files, bytes, rows and numbers as the tensors that ports take."""
