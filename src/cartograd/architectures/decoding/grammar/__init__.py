"""What a text may be: JSON schemas, grammars and patterns, as automata that read bytes."""
