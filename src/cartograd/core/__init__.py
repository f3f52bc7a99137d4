"""Core: what every room relies on and what knows no method.

`card` (what a method is), `spec` (how one was made), `ports` (what a model takes and gives),
`protocols` (how the rooms talk), `registry` and `build` (from a name to an object),
`files` (atomic writes and digests) and `errors`.
"""
