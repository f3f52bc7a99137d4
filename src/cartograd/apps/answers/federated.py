"""What a federation sent, in a sentence."""

from collections.abc import Mapping
from typing import Any

from cartograd.apps.answers import units


def sent_in_words(account: Mapping[str, Any], /) -> str:
    """Bytes between the server and its clients, and by which rule they are combined.

    >>> sent_in_words({"sent": 3_200_000, "up": 40_000, "down": 40_000, "aggregate": "mean",
    ...                "secure": False})
    '3.2 MB are sent (40 kB down and 40 kB up for each client and round), combined by mean'
    """
    secure = ", hidden by masks" if account["secure"] else ""
    return (
        f"{units.size(account['sent'])} are sent ({units.size(account['down'])} down and "
        f"{units.size(account['up'])} up for each client and round{secure}), combined by "
        f"{account['aggregate']}"
    )
