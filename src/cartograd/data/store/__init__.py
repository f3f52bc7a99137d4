"""Packages of data from public archives: fetched, checked and kept outside of the repository."""
