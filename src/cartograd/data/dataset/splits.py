"""Which examples are for training, validation and test: decided by a hash, one by one."""

import hashlib
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.errors import UsageError

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
    the test split does not depend on `valid`. Two repairs, needed by small data only: a class
    without a training example gets its nearest one, and so does a split that came out empty.

    Args:
        keys: what identifies each example.
        classes: the class of each; every class keeps an example in training.
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


def _fill(part: np.ndarray, wanted: int, place: np.ndarray, labels: np.ndarray) -> None:
    """Move the training example with the smallest hash whose class can spare one."""
    for index in np.argsort(place, kind="stable"):
        alike = part[labels == labels[index]]
        if part[index] == 0 and (alike == 0).sum() > 1:
            part[index] = wanted
            return
