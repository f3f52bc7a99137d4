"""Words as vectors: what stands in like surroundings lies near."""
