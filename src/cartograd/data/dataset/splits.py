"""Which examples are for training, validation and test: decided by a hash, one by one."""

import hashlib
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.errors import UsageError

SMALL = 150
"""A class with fewer examples is cut by their order, so that each part has its share of it."""

FEWEST = 10
"""Below this many examples there is nothing to split."""


def assign(
    keys: Iterable[str | bytes],
    classes: Int[Tensor, " n"] | None = None,
    /,
    *,
    valid: float,
    test: float,
    salt: str = "cartograd",
) -> tuple[Int[Tensor, " n1"], Int[Tensor, " n2"], Int[Tensor, " n3"]]:
    """Indices of the training, validation and test examples, each in the order of `keys`.

    A key (a file's path, a row's content) is hashed to a number in [0, 1): below `test` it is a
    test example, below `test + valid` a validation example. So an example stays in its split
    when others are added, removed or reordered, examples with equal keys stay together, and
    the test split does not depend on `valid`. Small data are stratified: where a class has fewer
    than 150 examples, those with the smallest hashes are its test examples, as many as its share,
    and the next ones are for validation; there chance alone would leave a part without the class,
    or with most of it. (So a few of them may change places when others are added.) Beyond that a
    class without a training example gets its nearest one, and so does a split that came out empty.

    Args:
        keys: what identifies each example.
        classes: the class of each, if they have any.
        valid: share of the whole for validation; 0 leaves that split empty.
        test: share of the whole for testing; together they are below 1.
        salt: another salt gives other splits.

    Raises:
        UsageError: the shares leave nothing for training, or there are fewer than 10 examples.
    """
    if valid < 0 or test < 0 or valid + test >= 1:
        raise UsageError(
            f"valid={valid} and test={test} are not shares that leave something for training; "
            "expected both at least 0, together below 1"
        )
    hashes = np.array([_place(key, salt) for key in keys])
    if len(hashes) < FEWEST and valid + test > 0:
        raise UsageError(
            f"too few examples to split: {len(hashes)}; expected at least {FEWEST} "
            "(valid=0,test=0 trains on all of them)"
        )
    part = np.where(hashes < test, 2, np.where(hashes < test + valid, 1, 0))
    labels = np.zeros(len(hashes), dtype=int) if classes is None else classes.numpy()
    if classes is not None:
        _stratify(part, hashes, labels, {2: test, 1: valid})
        _together(part, hashes)
    for label in np.setdiff1d(labels, labels[part == 0]):
        part[hashes == hashes[labels == label].max()] = 0
    for wanted, share in ((2, test), (1, valid)):
        if share and not (part == wanted).any():
            _fill(part, wanted, hashes, labels)
    train, validation, held = (torch.from_numpy(np.flatnonzero(part == i)) for i in range(3))
    return train, validation, held


def _place(key: str | bytes, salt: str) -> float:
    """The key's number in [0, 1)."""
    data = key.encode() if isinstance(key, str) else key
    hashed = hashlib.blake2b(data, digest_size=8, key=salt.encode()[:64]).digest()
    return (int.from_bytes(hashed, "big") >> 11) / 2**53


def _stratify(
    part: np.ndarray, hashes: np.ndarray, labels: np.ndarray, shares: dict[int, float]
) -> None:
    """Cut small classes by the order of their hashes; what rounding takes from one, another gets.

    Examples with equal keys stay together, so that a class of many copies has only about its share.
    """
    owed = dict.fromkeys(shares, 0.0)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) >= SMALL:
            continue
        members = members[np.argsort(hashes[members], kind="stable")]
        part[members], start = 0, 0
        for wanted, share in shares.items():
            owed[wanted] += share * len(members)
            end = _whole(hashes[members], start, start + max(0, round(owed[wanted])))
            part[members[start:end]] = wanted
            owed[wanted], start = owed[wanted] - (end - start), end


def _together(part: np.ndarray, hashes: np.ndarray) -> None:
    """Give equal keys of several classes, which were cut one class at a time, to training."""
    _, group = np.unique(hashes, return_inverse=True)
    lowest = np.full(group.max(initial=-1) + 1, 2)
    np.minimum.at(lowest, group, part)
    highest = np.zeros_like(lowest)
    np.maximum.at(highest, group, part)
    part[(lowest != highest)[group]] = 0


def _whole(ordered: np.ndarray, start: int, end: int) -> int:
    """The end of a part that cuts no group of equal hashes: the nearest one from the start on."""
    if end >= len(ordered) or end == start or ordered[end] != ordered[end - 1]:
        return min(end, len(ordered))
    first, last = (int(np.searchsorted(ordered, ordered[end], side)) for side in ("left", "right"))
    return first if first >= start and end - first <= last - end else last


def _fill(part: np.ndarray, wanted: int, place: np.ndarray, labels: np.ndarray) -> None:
    """Move the training example with the smallest hash, and its copies, if their classes can.

    Where nothing but copies is left, one of them goes alone.
    """
    alone = np.arange(len(place))
    for keys in (place, alone):
        for index in np.argsort(place, kind="stable"):
            moved = keys == keys[index]
            left = labels[(part == 0) & ~moved]
            if part[index] == 0 and np.isin(labels[moved], left).all():
                part[moved] = wanted
                return
