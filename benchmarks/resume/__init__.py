"""Which training engines go on exactly where a killed run was, and what a damaged file does."""
