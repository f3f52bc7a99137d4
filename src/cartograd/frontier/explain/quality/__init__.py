"""How good explanations are: by what happens to the answer, and by what they do not change with."""
