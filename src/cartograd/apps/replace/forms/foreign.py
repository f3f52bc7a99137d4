"""A function of raw examples in Python, or several in a row with their names.

A function is given a list of raw examples (paths, bytes, dictionaries, texts) and returns a row of
probabilities for each, a mapping from the names of classes to them, or a value. A list of pairs
`(name, function)` is the same with its stages told: each is given what the one before returned. A
module of torch among them shows its layers, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from cartograd.apps.replace.form import Facts, Role, Stage
from cartograd.apps.replace.layers import traced
from cartograd.core.errors import UsageError, first_line
from cartograd.core.eval_mode import inferring
from cartograd.core.ports import Signature

Step = tuple[str, Callable[[Any], Any]]

ROLES: dict[str, Role] = {
    "decode": "decode", "resize": "resize", "encode": "encode", "tokenise": "tokenise",
    "tokenize": "tokenise", "pad": "pad", "normalise": "normalise", "normalize": "normalise",
    "head": "head", "logits": "head", "model": "head",
}  # fmt: skip
"""What a stage does, by the name that it is given; others are layers."""


class Foreign:
    """A function, or steps, of somebody's own.

    Args:
        steps: what is done, one after the other.
        name: what to call it.
    """

    signature: Signature | None = None
    tokenizer = None

    def __init__(self, steps: Sequence[Step], name: str, /):
        self.steps = list(steps)
        self.facts = Facts(name, "function")

    def meet(self, source: Any, /) -> None:
        """Learn by one answer what it answers with."""
        found = self._asked([source])
        first = found[0] if isinstance(found, Sequence) and len(found) else None
        if isinstance(first, Mapping):
            labels = tuple(map(str, first))
        else:
            width = self._numbers(found, 1).shape[1]
            labels = tuple(map(str, range(width))) if width > 1 else ()
        self.facts = replace(self.facts, labels=labels)

    def answer(self, sources: Sequence[Any], /) -> Float[Tensor, "n k"]:
        """What the last step returns."""
        return self._numbers(self._asked(list(sources)), len(sources))

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """What each step returns; the layers of a module."""
        found, value = list[Stage](), list(sources)
        for place, (name, step) in enumerate(self.steps):
            if isinstance(step, nn.Module):
                layers, value = self._layers(step, value)
                found += layers
            else:
                value = self._done(name, step, value)
            if place < len(self.steps) - 1:
                found.append(_stage(name, value))
        return [*found, Stage("answer", "answer", self._numbers(value, len(sources)))]

    def _layers(self, step: nn.Module, value: Any) -> tuple[list[Stage], Tensor]:
        with inferring(step):
            return traced(step, lambda: step(value))

    def _asked(self, value: Any) -> Any:
        with inferring(*(step for _, step in self.steps)):
            for name, step in self.steps:
                value = self._done(name, step, value)
        return value

    def _done(self, name: str, step: Callable[[Any], Any], value: Any) -> Any:
        """What a step returns.

        Raises:
            UsageError: it fails.
        """
        try:
            return step(value)
        except Exception as error:  # whatever a function of somebody's own raises
            raise UsageError(
                f"{self.facts.name}: {name} failed: {type(error).__name__}: {first_line(error)}"
            ) from error

    def _numbers(self, found: Any, count: int) -> Float[Tensor, "n k"]:
        """Answers as a row of numbers each.

        Raises:
            UsageError: they are none.
        """
        try:
            if isinstance(found, Sequence) and found and isinstance(found[0], Mapping):
                labels = self.facts.labels or tuple(found[0])
                found = [[float(row[label]) for label in labels] for row in found]
            x = torch.as_tensor(np.asarray(_plain(found), dtype=np.float64))
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{self.facts.name} returned no numbers ({first_line(error)}); expected a row of "
                "probabilities for each example, or a mapping from class to probability"
            ) from error
        if x.ndim < 1 or len(x) != count:
            raise UsageError(
                f"{self.facts.name} returned numbers of shape {tuple(x.shape)} for {count} "
                "examples; expected a row for each"
            )
        return x.reshape(count, -1)


def _plain(found: Any) -> Any:
    if isinstance(found, Tensor):
        return found.detach().cpu().double().numpy()
    if isinstance(found, Sequence) and found and isinstance(found[0], Tensor):
        return [row.detach().cpu().double().numpy() for row in found]
    return found


def _stage(name: str, value: Any) -> Stage:
    """What a step returned, as our own stages have it: pictures `c y x` from 0 to 1."""
    role = ROLES.get(name.lower(), "layer")
    if role in ("decode", "resize", "tokenise") and not isinstance(value, str):
        value = value[0]
    if isinstance(value, Image.Image):
        value = np.asarray(value)
    if isinstance(value, list | tuple):
        value = np.stack([np.asarray(one) for one in value])
    x = torch.as_tensor(np.array(value)) if not isinstance(value, Tensor) else value.detach()
    if role in ("decode", "resize") and x.dtype == torch.uint8:
        x = x[None] if x.ndim == 2 else x.movedim(-1, 0) if x.shape[-1] in (1, 3) else x
        x = x.float() / 255
    return Stage(name, role, x.cpu())
