"""Writing one token after another: samplers, search and speculation over any decoder."""
