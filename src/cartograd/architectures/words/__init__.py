"""Word vectors: words in similar contexts have similar vectors."""
