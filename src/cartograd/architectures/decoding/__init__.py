"""Generation token by token: samplers, beam search and speculative decoding, for any decoder."""
