"""Records of a run while it lasts: its folder, metrics, sinks, callbacks, progress."""
