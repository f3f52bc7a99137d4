"""More examples to learn from: drawn by a generative model, and added to the training part alone.

A model that learned on few examples of each class draws more of them, and a classifier learns from
both. Validation and test parts stay as they are, and so do the statistics by which inputs are
standardised: they are those of the real examples. What was drawn is kept in the run folder, so
that a training goes on with the same examples, whatever became of the model that drew them.

References:
    Suman Ravuri, Oriol Vinyals. Classification accuracy score for conditional generative models.
    2019 (such classifiers learn less from drawn examples than from as many real ones).
    https://arxiv.org/abs/1905.10887
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from blake3 import blake3
from torch import Tensor

from cartograd.apps.load.settings import Setting
from cartograd.apps.load.source import dataset
from cartograd.apps.load.target import as_bundle, name_of
from cartograd.apps.verbs.sample import MOST, sample
from cartograd.core.errors import UsageError, unknown
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.seen_classes import labels_of
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.files.tensor_files import read_tensors, write_tensors
from cartograd.engine.logging.run_folder import is_run, read_config

FILE = "drawn.safetensors"
"""What a run folder calls the examples that were drawn for it."""

KEYS = ("per_class", "sampler", "guidance")
"""What can be said of how they are drawn."""

TOGETHER = 1024
"""Examples that are looked at at once."""

WHITE = 255
"""A byte that stands for 1."""


@dataclass(frozen=True)
class Asked:
    """Who draws, and how.

    Attributes:
        run: path of a run or a bundle.
        per_class: examples of each class.
        how: further arguments of `sample`.
    """

    run: str
    per_class: int
    how: dict[str, Any]


@dataclass(frozen=True)
class Drawn:
    """Examples as the training part of the data keeps its own.

    Attributes:
        stored: inputs.
        targets: their classes, int64 `n`.
        told: lines on them.
    """

    stored: Tensor
    targets: Tensor
    told: tuple[str, ...]


def asked(text: str, /) -> Asked:
    """What `RUN,per_class=200` means.

    >>> asked("runs/ddpm-digits-1,per_class=200").per_class
    200

    Raises:
        UsageError: it names no run, or something that cannot be said.
    """
    spec = Spec.parse(f"drawn:{text}")
    if spec.subject is None:
        raise UsageError(f"drawn={text} names no run; expected like drawn=RUN,per_class=200")
    if strange := sorted(set(spec.args) - set(KEYS)):
        raise unknown("argument of drawn", strange[0], KEYS)
    how = dict(spec.args)
    count = how.pop("per_class", 100)
    if type(count) is not int or count < 1:
        raise UsageError(f"drawn: per_class={count} is no number of examples; expected 1 or more")
    return Asked(spec.subject, count, how)


def with_drawn(
    data: Dataset, settings: Mapping[str, Setting], config: str | Path | None, /
) -> tuple[Dataset, Drawn | None]:
    """The data with drawn examples after the real ones of its training part, and these alone.

    Args:
        data: with one class for each example.
        settings: of the training; `drawn` says of whom they are.
        config: where the settings are from: the folder of a run keeps those that it had.

    Raises:
        UsageError: the run draws no such examples or of other classes, it learned from examples
            of the test part, or the training part is not in memory.
    """
    if "drawn" not in settings or settings["drawn"].value is None:
        return data, None
    said = settings["drawn"].value
    wanted = asked(said)
    train, output = data.train, data.signature.output
    if data.signature.target != "class" or len(output.dims) != 1 or len(data.signature.inputs) > 1:
        raise UsageError(
            f"drawn={said} adds examples of classes, and {data.name} as this model sees it has not "
            "one input and one class for each; leave it out, or train a classifier"
        )
    if not isinstance(train, Split):
        raise UsageError(
            f"drawn={said}: the training examples of {data.name} are read from the disk as they "
            "are needed, and others are added only to those in memory"
        )
    found = _kept(said, config) or _draw(wanted, data, settings)
    names = [*train.names, *(f"drawn {i + 1}" for i in range(len(found.stored)))]
    more = Split(
        torch.cat([train.stored, found.stored]),
        torch.cat([train.stored_targets, found.targets.to(train.stored_targets.dtype)]),
        train.signature,
        names if train.names else (),
    )
    decided = [*data.about.get("decided", ()), *found.told]
    return replace(data, train=more, about=data.about | {"decided": decided}), found


def keep(drawn: Drawn | None, folder: Path, /) -> None:
    """Write drawn examples into a run folder that has none yet.

    Raises:
        UsageError: they cannot be written.
    """
    path = folder / FILE
    if drawn is None or path.exists():
        return
    try:
        write_tensors(path, {"inputs": drawn.stored, "targets": drawn.targets})
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _kept(said: str, config: str | Path | None) -> Drawn | None:
    """Those that the run of the settings had, if it had the same words for them."""
    if config is None or not is_run(Path(config)) or not (Path(config) / FILE).exists():
        return None
    if read_config(config)[0].get("drawn") != said:
        return None
    kept = read_tensors(Path(config) / FILE)
    count = len(kept["targets"])
    told = f"{count:,} drawn examples are added to the training part: those that {config} had"
    return Drawn(kept["inputs"], kept["targets"], (told,))


def _draw(wanted: Asked, data: Dataset, settings: Mapping[str, Setting]) -> Drawn:
    """Drawn now.

    Raises:
        UsageError: see `with_drawn`.
    """
    source = as_bundle(wanted.run)
    labels = labels_of(data.signature.output)
    _check(source.model, wanted, data, labels)
    seen = _seen(source, wanted.run, data)
    classes = torch.arange(len(labels)).repeat(wanted.per_class)
    x = sample(
        source.model,
        len(classes),
        condition=[labels[i] for i in classes.tolist()],
        seed=settings["seed"].value,
        device=settings["device"].value,
        **wanted.how,
    )
    if not x.isfinite().all():
        raise UsageError(
            f"{wanted.run} draws numbers that are not finite; train it longer, or at a lower rate"
        )
    like = data.train.select([0]).stored
    stored = (x * WHITE).round().to(like) if like.dtype == torch.uint8 else x.to(like)
    few = ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")
    told = (
        f"{len(x):,} examples drawn by {wanted.run} ({name_of(source.model)}), {wanted.per_class} "
        f"of each class ({few}), are added to the {len(data.train):,} real ones for training; "
        "validation and test have real ones alone"
    )
    return Drawn(stored, classes, (told, *seen))


def _check(model: Signed, wanted: Asked, data: Dataset, labels: tuple[str, ...]) -> None:
    """Refuse who draws no such examples."""
    run, signature = wanted.run, model.signature
    drawn, real = signature.example, data.signature.input
    if signature.target != "example" and not signature.draws:
        raise UsageError(
            f"drawn={run}: {name_of(model)} draws no examples; expected the run of a generative "
            f"model, as `cartograd train v-diffusion --data {data.name}` makes one"
        )
    if (drawn.kind, tuple(drawn.dims)) != (real.kind, tuple(real.dims)):
        raise UsageError(
            f"drawn={run}: it draws examples of kind {drawn.kind!r} and shape {tuple(drawn.dims)}; "
            f"{data.name} has kind {real.kind!r} and shape {tuple(real.dims)}"
        )
    if signature.condition is None:
        raise UsageError(
            f"drawn={run}: it was trained without classes, so nobody can say of which class its "
            "examples are; train one that is told the classes, as v-diffusion is by itself"
        )
    known = signature.condition.labels
    if set(known) != set(labels):
        raise UsageError(
            f"drawn={run}: it knows the classes {', '.join(known[:8])}; {data.name} has "
            f"{', '.join(labels[:8])}; expected the same"
        )
    if wanted.per_class * len(labels) > MOST:
        raise UsageError(
            f"drawn: per_class={wanted.per_class} of {len(labels)} classes is more than {MOST:,} "
            "examples; take fewer"
        )


def _seen(source: Bundle, run: str, data: Dataset) -> list[str]:
    """Lines on held back examples that the run learned from, as far as its record tells.

    What the data have in two of their own parts does not count.

    Raises:
        UsageError: some of the test part are among them.
    """
    word = source.about.get("data")
    try:
        if not isinstance(word, str):
            raise UsageError("its record names none")
        theirs = set(_digests(dataset(word).train))
    except UsageError as error:
        return [
            f"whether {run} learned from test examples of {data.name} cannot be told: its own data "
            f"cannot be read ({error})"
        ]
    theirs -= set(_digests(data.train))
    valid, test = (sum(one in theirs for one in _digests(x)) for x in (data.valid, data.test))
    if test:
        raise UsageError(
            f"drawn={run}: it learned from {test:,} of the {len(data.test):,} test examples of "
            f"{data.name} (its data were {word}), so a test would be of what is known already; "
            "train it on the data that the classifier learns from"
        )
    if valid:
        return [f"{run} learned from {valid:,} of the {len(data.valid):,} validation examples"]
    return []


def _digests(part: Examples) -> Iterator[bytes]:
    """A word for each example."""
    for rows in torch.arange(len(part)).split(TOGETHER):
        for x in part.select(rows).inputs.float():
            yield blake3(x.contiguous().numpy().tobytes()).digest()
