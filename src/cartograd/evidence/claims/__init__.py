"""The claims: a file for each statement of the map that has its experiment."""
