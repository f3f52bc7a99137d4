"""A finding in words: its figure, its interval, and the effect that it could have seen."""

from typing import Any


def number(value: float | None, /) -> str:
    """Four digits, or `none` of what is not finite."""
    return "none" if value is None else f"{value:.4g}"


def between(finding: dict[str, Any], /) -> str:
    """The interval; nothing where there is none."""
    low, high = finding["low"], finding["high"]
    return "" if low == high else f"{number(low)} to {number(high)}"


def reached(finding: dict[str, Any], /) -> str:
    """The effect that an open check could have seen: a distance from its bound, or a factor.

    >>> reached({"state": "open", "reach": 0.25, "check": "mean gain > 0"})
    '0.25 from 0'
    >>> reached({"state": "holds", "reach": 0.25, "check": "mean gain > 0"})
    ''
    """
    if finding["state"] != "open":
        return ""
    how, bound = finding["check"].split(" ", 1)[0], finding["check"].rsplit(" ", 1)[1]
    if finding["reach"] is None:
        return "nothing"
    far = number(finding["reach"])
    if how == "ratio":
        return f"a factor of {far} from {bound}"
    return f"{far} from {0.5 if how == 'most' else bound}"


def unseen(finding: dict[str, Any], /) -> str:
    """Why a claim is undecided, by the finding that its verdict hangs on.

    >>> unseen({"state": "open", "reach": 0.25, "check": "mean gain > 0", "needed": False})
    '`mean gain > 0` is open; it could have seen 0.25 from 0'
    """
    if finding["needed"]:
        return f"`{finding['check']}` is needed and does not hold"
    return f"`{finding['check']}` is open; it could have seen {reached(finding)}"
