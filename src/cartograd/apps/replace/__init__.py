"""May one shipped form of a model replace another? Forms, the verdict, and where the two part."""
