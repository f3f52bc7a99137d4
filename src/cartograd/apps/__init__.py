"""Apps: the verbs in Python, the command line, reports and the server."""
