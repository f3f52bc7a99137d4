"""Runs measured together: all of them answer the very same examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.parts import part_of
from cartograd.apps.load.runs import Look, look
from cartograd.apps.load.source import Data, examples_for
from cartograd.apps.load.target import as_bundle
from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Examples
from cartograd.engine.files import bundle
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import Run


@dataclass(frozen=True)
class Together:
    """What runs answered.

    Attributes:
        signature: of the last run's model.
        examples: as that model takes them.
        outputs: of each run's model.
        targets: the right answers.
        data: the source of the examples, and which part of it.
        ports: of each run's output.
    """

    signature: Signature
    examples: Examples
    outputs: tuple[Tensor, ...]
    targets: Tensor
    data: str
    ports: tuple[Port, ...]


def without_bundle(looks: Sequence[Look], /) -> str:
    """Why nothing can be measured, where a run has no bundle; nothing where all have one."""
    missing = next((one for one in looks if not (one.folder / "bundle").is_dir()), None)
    return "" if missing is None else f"{missing.folder} has no bundle ({missing.state})"


def together(
    runs: Sequence[Run | str | Path], /, *, data: Data | None = None, part: str | None = None
) -> Together:
    """The answers of runs, all with a bundle, to the same examples.

    Args:
        runs: at least one.
        data: what to measure on, a spec or a dataset; by default what all were trained on.
        part: of that; by default `test` of what they were trained on, and `all` of other files.

    Raises:
        UsageError: they answer different questions, or the data does not fit them.
    """
    bundles = [
        as_bundle(one) if isinstance(one, Run) else bundle.load(look(one).folder) for one in runs
    ]
    own = [str(item.about.get("data") or "") for item in bundles]
    source = _source(own, data)
    trained = bundles[0].about.get("data")
    read, _ = as_learned(source, trained)
    part, _ = part_of(part, read, trained)
    asked = [_question(item.signature) for item in bundles]
    other = next((i for i, one in enumerate(asked) if one != asked[0]), None)
    if other is not None:
        raise UsageError(
            f"{_folder(runs[0])} and {_folder(runs[other])} answer different questions: their "
            "outputs differ"
        )
    parts: list[Examples] = []
    for at, item in enumerate(bundles):
        again = at > 0 and item.model.tokenizer is None
        if again and item.signature == bundles[at - 1].signature:
            parts.append(parts[-1])  # what is read the same way is read once
        else:
            parts.append(examples_for(item.signature, read, part, tokenizer=item.model.tokenizer))
    _check_same(parts)
    answers = [
        collect(item.model, examples.batches(batch_size=256, shuffle=False))
        for item, examples in zip(bundles, parts, strict=True)
    ]
    outputs = tuple(one for one, _ in answers)
    named = source.name if isinstance(source, Dataset) else str(source)
    ports = tuple(item.signature.output for item in bundles)
    said = f"{named} ({part})"
    return Together(bundles[-1].signature, parts[-1], outputs, answers[-1][1], said, ports)


def _question(signature: Signature) -> tuple[object, ...]:
    port = signature.output
    return port.kind, port.labels, port.dims


def _folder(run: Run | str | Path) -> str:
    return str(run.folder if isinstance(run, Run) else run)


def _source(own: list[str], data: Data | None) -> Data:
    if data is not None:
        return data
    other = next((one for one in own if one != own[0] or not one), None)
    if other is not None:
        raise UsageError(
            f"the runs were trained on {own[0] or 'unknown data'} and {other or 'unknown data'}; "
            "say with --data what to compare them on"
        )
    if not registry.lookup(own[0].partition(":")[0], kind="data"):
        raise UsageError(
            f"the runs were trained on {own[0]}, a dataset of your own; give it to compare them "
            "on (data=, --data)"
        )
    return own[0]


def _check_same(parts: Sequence[Examples]) -> None:
    first = parts[0]
    names = [first.name(i) for i in range(len(first))]
    for other in parts[1:]:
        if other is first:
            continue
        same = names == [other.name(i) for i in range(len(other))]
        if not same or not torch.equal(first.targets, other.targets):
            raise UsageError("the runs do not see the same examples of this data; give other data")
