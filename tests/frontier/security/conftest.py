"""Foolbox imports what newer scipy warns about; once imported it is silent."""

import warnings

with warnings.catch_warnings(action="ignore"):
    import foolbox  # noqa: F401
