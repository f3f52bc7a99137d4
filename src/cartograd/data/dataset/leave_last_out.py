"""The last example of each user for testing, the one before for validation: as time went on.

And what each user did before each example.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from cartograd.core.errors import UsageError

FEWEST = 3
"""Examples that a user has at least of whom one is tested on."""


def leave_last_out(
    users: Sequence[int], times: Sequence[float], keys: Sequence[str], source: str, /
) -> tuple[dict[str, list[int]], str]:
    """The rows of each part, each in the order of the rows, and a line on them.

    Rows of one time come in the order of a hash of their keys, so the parts do not depend on the
    order of the rows.

    >>> leave_last_out([0, 0, 0, 1], [3.0, 1.0, 2.0, 9.0], list("abcd"), "x.csv")[0]
    {'train': [1, 3], 'valid': [2], 'test': [0]}

    Args:
        users: whose each row is.
        times: when it was.
        keys: what each row is, all different.
        source: where they come from, for an error.

    Raises:
        UsageError: nobody has three rows.
    """
    own = _in_order(users, times, keys)
    chosen: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
    few = 0
    for rows in own:
        if len(rows) < FEWEST:
            few += 1
            chosen["train"] += rows
            continue
        *earlier, before, last = rows
        chosen["train"] += earlier
        chosen["valid"].append(before)
        chosen["test"].append(last)
    if not chosen["test"]:
        raise UsageError(
            f"{source}: no user has {FEWEST} ratings, so that the last one could be tested on; "
            "expected some, or split=random"
        )
    told = "the last rating of each user is tested on, the one before is for validation"
    if few:
        told += f"; {few} of {len(own)} users have fewer than {FEWEST} and are learned from only"
    return {part: sorted(rows) for part, rows in chosen.items()}, told


def before(
    users: Sequence[int], times: Sequence[float], keys: Sequence[str], most: int, /
) -> list[list[int]]:
    """For each row at most so many rows of the same user before it, the latest last.

    >>> before([0, 0, 0, 1], [3.0, 1.0, 2.0, 9.0], list("abcd"), 5)
    [[1, 2], [], [1], []]
    """
    found: list[list[int]] = [[] for _ in users]
    for rows in _in_order(users, times, keys):
        for number, row in enumerate(rows):
            found[row] = rows[max(0, number - most) : number]
    return found


def _in_order(users: Sequence[int], times: Sequence[float], keys: Sequence[str]) -> list[list[int]]:
    """The rows of each user as time went on."""
    own: dict[int, list[int]] = defaultdict(list)
    for row, user in enumerate(users):
        own[user].append(row)
    for rows in own.values():
        rows.sort(key=lambda row: (times[row], _place(keys[row])))
    return list(own.values())


def _place(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=8).digest()
