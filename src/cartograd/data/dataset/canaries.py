"""Canaries: training examples of wrong class, by which it is found out what a model gives away.

Some training examples get a wrong class each. A coin decides for each whether it is learned from;
the others are left out of the training. Whoever can tell by the model which were there has learned
it from the weights (`cartograd leak RUN --method canaries`). All is a function of the seed, so
that the same examples are found again.
"""

from dataclasses import dataclass, replace

import torch

from cartograd.core.errors import UsageError
from cartograd.core.hashing import mixed
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.seen_classes import has_classes, labels_of, only_class

LEAST = 20
"""By fewer canaries nothing can be told."""

STREAM = 7321
"""The stream of random numbers that is for canaries alone."""


@dataclass(frozen=True)
class Canaries:
    """Training examples with wrong classes.

    Attributes:
        data: with those that are learned from in the training part, the others nowhere.
        members: those that are learned from.
        others: those that are left out.
    """

    data: Dataset
    members: Split
    others: Split


def with_canaries(data: Dataset, count: int, /, *, seed: int) -> Canaries:
    """The data with so many canaries.

    Args:
        data: with one class for each example.
        count: canaries, about half of which are learned from.
        seed: of which they are, of their classes and of the coins.

    Raises:
        UsageError: examples without classes or not in memory, too few canaries, or more than half
            of the training examples.
    """
    train = data.train
    if not has_classes(data) or only_class(data) is not None or len(data.signature.inputs) > 1:
        raise UsageError(
            f"canaries={count} are examples of a wrong class, and {data.name} has not one input "
            "and one of several classes for each example; leave it out"
        )
    if not isinstance(train, Split):
        raise UsageError(
            f"canaries={count}: the training examples of {data.name} are read from the disk as "
            "they are needed, and only those in memory can be changed"
        )
    if not LEAST <= count <= len(train) // 2:
        raise UsageError(
            f"canaries={count} is out of range; expected {LEAST} (by fewer nothing can be told) to "
            f"half of the {len(train):,} training examples"
        )
    draw = torch.Generator().manual_seed(mixed(seed, STREAM))
    order = torch.randperm(len(train), generator=draw)
    chosen, rest = order[:count], order[count:]
    classes = len(labels_of(data.signature.output))
    shift = torch.randint(1, classes, (count,), generator=draw)
    there = torch.rand(count, generator=draw) < 0.5
    marked = train.select(chosen)
    targets = ((marked.targets + shift) % classes).to(marked.stored_targets.dtype)
    wrong = Split(
        marked.stored, targets, train.signature, marked.names,
        others=marked.others, table=marked.table,
    )  # fmt: skip
    targets = train.stored_targets.clone()
    targets[chosen] = wrong.stored_targets.to(targets.dtype)
    changed = Split(
        train.stored, targets, train.signature, train.names, others=train.others, table=train.table
    )
    left = torch.cat([rest, chosen[there]]).sort().values
    told = (
        f"{int(there.sum())} training examples have a wrong class and {int((~there).sum())} are "
        f"left out, as canaries: `cartograd leak RUN --method canaries` tells what they give away"
    )
    about = data.about | {"decided": [*data.about.get("decided", ()), told]}
    return Canaries(
        replace(data, train=changed.select(left), about=about),
        wrong.select(there.nonzero()[:, 0]),
        wrong.select((~there).nonzero()[:, 0]),
    )
