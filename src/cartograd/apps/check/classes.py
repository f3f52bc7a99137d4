"""The classes of data: how many of each there are, and in which part."""

import numpy as np

from cartograd.apps.check.looked import PARTS
from cartograd.apps.results.data_card import DataFinding
from cartograd.data.dataset.dataset import Dataset

FEW, RARE, UNEVEN = 10, 0.05, 10.0
"""Training examples that are few for a class; a share that is small, and how many times as many
the commonest class has then."""

LITTLE = 100
"""Training examples that are few for anything."""


def counts(data: Dataset, /) -> dict[str, dict[str, int]]:
    """How many examples of each class are in which part; empty where there are no classes."""
    if data.signature.task.target != "class" or data.train.targets.ndim != 1:
        return {}
    labels = data.signature.output.labels or tuple(map(str, range(data.signature.classes or 0)))
    parts = {
        part: np.bincount(getattr(data, part).targets.numpy(), minlength=len(labels))
        for part in PARTS
        if len(getattr(data, part))
    }
    return {
        label: {part: int(found[k]) for part, found in parts.items()}
        for k, label in enumerate(labels)
    }


def classes(data: Dataset, /) -> list[DataFinding]:
    """Classes that are rare, or missing from a part; and whether there is little of anything."""
    found = list[DataFinding]()
    if len(data.train) < LITTLE:
        said = f"{len(data.train)} examples for training are few: what is measured varies by chance"
        mend = "get more, or begin from published weights"
        found.append(DataFinding("note", "few examples", said, len(data.train), (), mend))
    by_class = counts(data)
    if len(by_class) < 2:
        return found
    train = {name: parts["train"] for name, parts in by_class.items()}
    missing = {
        part: [name for name, parts in by_class.items() if not parts[part]]
        for part in PARTS
        if part in next(iter(by_class.values()))
    }
    for part, names in missing.items():
        if names:
            said = f"{len(names)} of {len(by_class)} classes have no example in the {part} part"
            mend = "add some, or let the parts be cut by shares"
            found.append(
                DataFinding("warn", f"no {part} examples", said, len(names), tuple(names), mend)
            )
    few = sorted((count, name) for name, count in train.items() if 0 < count < FEW)
    if few:
        named = tuple(f"{name} {count}" for count, name in few)
        said = f"{len(few)} of {len(train)} classes have fewer than {FEW} training examples"
        mend = "add some, or leave these classes out"
        found.append(DataFinding("warn", "small classes", said, len(few), named, mend))
    least, most = min(train, key=train.__getitem__), max(train, key=train.__getitem__)
    share = train[least] / max(1, sum(train.values()))
    if train[least] and share < RARE and train[most] > UNEVEN * train[least]:
        said = (
            f"{least!r} is {100 * share:.1f} % of the training examples, {most!r} "
            f"{100 * train[most] / sum(train.values()):.1f} %: always saying {most!r} looks right"
        )
        mend = "--set class_weights=balanced"
        found.append(
            DataFinding(
                "warn", "unequal classes", said, train[least], (), mend,
                share, 1 / len(train),
            )
        )  # fmt: skip
    return found
