"""A gate before and behind a language model: rules and a classifier, and what they refuse."""
