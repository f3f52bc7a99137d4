"""Examples, their three splits, and batches whose order can be repeated exactly."""
