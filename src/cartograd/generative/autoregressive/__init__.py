"""Autoregressive models of pictures and sounds: each number given all before it, exactly."""
