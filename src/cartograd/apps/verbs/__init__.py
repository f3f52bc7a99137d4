"""The verbs in Python, one for each stage of a model's life; the command line prints their results.

Each takes a model with a signature (ours or anyone's), a run, a bundle, or the path of one.
"""
