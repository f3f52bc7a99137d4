"""Averages of a player's weights along the run, used in place of its weights."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec


class Average:
    """The running average of a module's trained weights and running statistics.

    Statistics (floating-point buffers, such as those of batch normalisation) are averaged like the
    weights: those of the newest weights would not fit the averaged ones. Whole-number buffers and
    frozen weights stay as they are.

    Args:
        module: whose tensors.
        portion: how much the newest ones count at a step; see `cartograd.training.averages`.
        total: steps of the run, None if unknown.
    """

    def __init__(
        self, module: nn.Module, portion: Callable[..., float | None], total: int | None, /
    ) -> None:
        self.live = [
            tensor
            for tensor in (*module.parameters(), *module.buffers())
            if tensor.is_floating_point()
            and (tensor.requires_grad or not isinstance(tensor, nn.Parameter))
        ]
        self.portion = portion
        self.total = total
        self.mean: list[Tensor] = []

    @torch.no_grad()
    def update(self, step: int, /) -> None:
        """Update the average with the weights after a step (from 1)."""
        portion = self.portion(step, self.total)
        if portion is None:
            return
        if not self.mean:
            self.mean = [tensor.detach().clone() for tensor in self.live]
        elif portion == 1:
            torch._foreach_copy_(self.mean, self.live)  # pyright: ignore[reportPrivateImportUsage]
        else:
            torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
                self.mean, self.live, portion
            )

    @torch.no_grad()
    def exchange(self) -> None:
        """Swap the average and the module's weights."""
        for live, mean in zip(self.live, self.mean, strict=bool(self.mean)):
            kept = live.detach().clone()
            live.copy_(mean)
            mean.copy_(kept)

    def load(self, mean: Iterable[Tensor], /) -> None:
        """Load the tensors of a checkpoint (`mean`)."""
        self.mean = [
            torch.empty_like(live, requires_grad=False).copy_(tensor)
            for live, tensor in zip(self.live, mean, strict=False)
        ]


@contextmanager
def averaged(players: Mapping[str, Any], /) -> Iterator[None]:
    """Within the block players have their averaged weights, where they have some."""
    averages = [player.average for player in players.values() if player.average is not None]
    for average in averages:
        average.exchange()
    try:
        yield
    finally:
        for average in averages:
            average.exchange()


def begun(players: Mapping[str, Any], /) -> bool:
    """Whether a player has an average by now."""
    return any(player.average and player.average.mean for player in players.values())


def answer(players: Mapping[str, Any], /) -> None:
    """Copy the averages, where there are some, into the players at the end of a run."""
    for player in players.values():
        if player.average is not None:
            player.average.exchange()


def rule(spec: str | Spec, total: int | None, /) -> Callable[..., float | None]:
    """The portion that a spec names.

    Raises:
        UsageError: there is no such average, or it needs the length of the run.
    """
    average = build(Spec.parse(spec), kind="average")
    average(1, total)
    return average


def check(given: Any, /) -> str | None:
    """The spec of an average as text.

    Raises:
        UsageError: it is none.
    """
    if given is None:
        return None
    if not isinstance(given, str | Spec):
        raise UsageError(f"fit: average={given!r} is of the wrong type; expected a spec")
    rule(given, 1)
    return str(given)
