"""The account of a private training in a sentence, for whoever asks whether a model may go out."""

from collections.abc import Mapping
from typing import Any


def bounded(account: Mapping[str, Any], /) -> str:
    """What the weights tell of one training example at most.

    >>> bounded({"epsilon": 3.0, "delta": 1e-5, "steps": 1000, "noise": 1.1, "clip": 1.0,
    ...          "neighbours": "one training example more or less", "secret": "drawn"})
    'eps = 3 at delta = 1e-05 after 1,000 steps of noise 1.1 x clip 1, for one training example \
more or less'
    """
    said = (
        f"eps = {account['epsilon']:.3g} at delta = {account['delta']:g} after "
        f"{account['steps']:,} steps of noise {account['noise']:.3g} x clip {account['clip']:g}, "
        f"for {account['neighbours']}"
    )
    if str(account["secret"]).startswith("told"):
        said += "; the secret was given, so whoever knows it can subtract the noise"
    return said
