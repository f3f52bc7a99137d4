"""The server: one model behind HTTP and JSON, on this machine unless told otherwise."""
