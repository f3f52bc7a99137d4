"""Sources of examples: one file each, made by their spec (`digits`, `csv:FILE,target=COLUMN`)."""
