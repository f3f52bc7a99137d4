"""The machine: devices, memory, compilation, random state, signals."""
