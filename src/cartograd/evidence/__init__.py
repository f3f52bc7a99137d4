"""Evidence: the notes' worked numbers and claims, put to the test."""
