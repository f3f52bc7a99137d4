"""What a scan judges: training examples, trusted and clean ones, and what is known of poison."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.parts import about_of, trained_on
from cartograd.apps.load.poisoned import poisoned, probes
from cartograd.apps.load.source import Data, dataset, examples_for
from cartograd.apps.load.target import Target
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Split

CONTROL = 1000
"""Clean examples at most that are judged beside the others."""


@dataclass(frozen=True)
class Given:
    """Examples to judge, clean ones, and what is known of the poison."""

    judged: Split
    trusted: Split
    control: Split
    planted: Bool[Tensor, " n"]
    attacker: tuple[Tensor, Tensor] | None
    poison: str
    notes: tuple[str, ...]


def gathered(
    target: Target, model: Signed, data: Data | None, clean: Data | None,
    poison: str | Spec | None, trusted: int, examples: int, /,
) -> Given:  # fmt: skip
    """The examples, all checked; see `scan`.

    Raises:
        UsageError: there are none of a sort, they do not fit the model, or are not known.
    """
    for name, value in (("trusted", trusted), ("examples", examples)):
        if value < 1:
            raise UsageError(f"{name}={value} is out of range; expected at least 1")
    about = about_of(target)
    own = trained_on(target)
    if data is None and own is None:
        raise UsageError("the model does not say what it was trained on; give the data")
    read, lines = as_learned(own if data is None else data, own)
    notes = list(lines)
    if poison is None and (data is None or str(data) == str(own)):
        poison = about.get("settings", {}).get("poison")
        notes += [f"the poison of the training is known: {poison}"] if poison else []
    whole, rows = read, torch.zeros(0, dtype=torch.long)
    attacker = None
    if poison is not None:
        unharmed = read if isinstance(read, Dataset) else dataset(read)
        whole, rows = poisoned(unharmed, poison)
        attacker = probes(unharmed, poison)
    parts = [
        examples_for(model.signature, whole, part, tokenizer=model.tokenizer)
        for part in ("train", "valid", "test")
    ]
    judged, order = _some(parts[0], examples)
    if clean is None:
        known, _ = _some(parts[1], trusted)
        control, _ = _some(parts[2], CONTROL)
    else:
        others = examples_for(model.signature, clean, "all", tokenizer=model.tokenizer)
        chosen, _ = _some(others, trusted + CONTROL)
        known, control = (
            chosen.select(torch.arange(start, end))
            for start, end in ((0, trusted), (trusted, len(chosen)))
        )
    for name, part in (("to judge", judged), ("trusted", known), ("clean, beside those", control)):
        if not len(part):
            raise UsageError(f"there are no examples {name}; expected some")
    planted = torch.zeros(len(parts[0]), dtype=torch.bool)
    planted[rows] = True
    told = "" if poison is None else str(Spec.parse(poison))
    return Given(judged, known, control, planted[order], attacker, told, tuple(notes))


def _some(part: Any, count: int) -> tuple[Split, Tensor]:
    """The first examples of a fixed shuffle, and their numbers."""
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(0))[:count]
    return part.select(order), order
