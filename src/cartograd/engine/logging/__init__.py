"""What is known of a run while it goes on: its folder, metrics, sinks, callbacks, progress."""
