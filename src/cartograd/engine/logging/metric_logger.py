"""Running means of losses and metrics, without waiting for the device at each step."""

import math
from typing import Any

import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.engine.distributed.process_group import ProcessGroup, SingleProcess


class NonFiniteError(UsageError):
    """A loss became infinite or not a number.

    Attributes:
        step: the step (from 1) at which it did.
    """

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class MetricLogger:
    """Sums and counts by name; a mean of parts of any size is exact.

    `add` keeps the number, or the tensor where asking for it would wait; `read` fetches all tensors
    that were kept in one transfer. The sums are made in the order of the steps in double precision,
    so they do not depend on when they were read.

    Args:
        every: steps that a point of the curve covers.
        processes: the processes whose numbers count.
    """

    def __init__(self, *, every: int = 50, processes: ProcessGroup | None = None) -> None:
        self.processes = processes or SingleProcess()
        self.every = every
        self.epoch: dict[str, list[float]] = {}
        self.window: dict[str, list[float]] = {}
        self.last = 0
        self.points: list[dict[str, float]] = []
        self._kept: list[tuple[int, str, float | Tensor, float | Tensor, bool]] = []

    def add(
        self,
        step: int,
        name: str,
        mean: float | Tensor,
        weight: float | Tensor,
        *,
        loss: bool = True,
    ) -> None:
        """Log the mean of `weight` numbers, made at `step`."""
        self._kept.append((step, name, mean, weight, loss))

    def full(self) -> bool:
        """Whether enough tensors are kept that they should be read."""
        return len(self._kept) >= 4096

    def read(self) -> dict[str, float]:
        """Fetch what was added; returns the means of the current point.

        Raises:
            NonFiniteError: a loss is infinite or not a number.
        """
        if not self._kept and self.processes.size == 1:
            return _means(self.window)
        kept, self._kept = self._kept, []
        values = _numbers([item[2] for item in kept])
        weights = _numbers([item[3] for item in kept])
        records = [
            (step, name, value, weight, loss)
            for (step, name, _, _, loss), value, weight in zip(kept, values, weights, strict=True)
        ]
        for step, name, value, weight, loss in self.processes.merged(records):
            if loss and not math.isfinite(value):
                raise NonFiniteError(f"the loss {name!r} became {value} at step {step}", step)
            if step > self.last and self.last and self.last % self.every == 0:
                self._close_point()
            self.last = step
            part = value * weight
            for sums in (self.epoch, self.window):
                if name not in sums:
                    sums[name] = [0.0, 0.0]
                entry = sums[name]
                entry[0] += part
                entry[1] += weight
        return _means(self.window)

    def end_epoch(self) -> dict[str, float]:
        """The means over the epoch; the next one starts from nothing."""
        self.read()
        means = _means(self.epoch)
        self.epoch = {}
        self._close_point()
        return means

    def lines(self) -> list[dict[str, Any]]:
        """The points since the last call, as lines of `metrics.jsonl`."""
        points, self.points = self.points, []
        return [
            {"at": "step"} | {k if k == "step" else f"train/{k}": x for k, x in point.items()}
            for point in points
        ]

    def mark(self) -> int:
        """A position to go back to with `clear`."""
        return len(self._kept)

    def clear(self, mark: int = 0, /) -> None:
        """Drop what was added since a mark and has not been read."""
        del self._kept[mark:]

    def state(self) -> dict[str, Any]:
        """The state that a checkpoint keeps, after `read`."""
        return {"epoch": self.epoch, "window": self.window, "last": self.last}

    def load(self, state: dict[str, Any], /) -> None:
        """The inverse of `state`."""
        self.epoch, self.window, self.last = state["epoch"], state["window"], state["last"]

    def _close_point(self) -> None:
        if self.window:
            self.points.append({"step": self.last} | _means(self.window))
        self.window = {}


def _numbers(given: list[float | Tensor]) -> list[float]:
    """Tensors among them as numbers."""
    fetched = iter(_fetched([one for one in given if isinstance(one, Tensor)]))
    return [next(fetched) if isinstance(one, Tensor) else one for one in given]


def _fetched(tensors: list[Tensor]) -> list[float]:
    """The numbers in single-number tensors, in one transfer from each device."""
    places: dict[torch.device, list[int]] = {}
    for place, tensor in enumerate(tensors):
        places.setdefault(tensor.device, []).append(place)
    values = [0.0] * len(tensors)
    for chosen in places.values():
        found = torch.stack([tensors[place] for place in chosen]).tolist()
        for place, value in zip(chosen, found, strict=True):
            values[place] = float(value)
    return values


def _means(sums: dict[str, list[float]]) -> dict[str, float]:
    return {name: total / weight for name, (total, weight) in sums.items() if weight}
