"""What models cost to run: predicted before and measured after, the cheapest first."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units
from cartograd.core.errors import UsageError
from cartograd.core.notebook import drawn
from cartograd.engine.device.roofline import Roofline
from cartograd.practice.deployment.in_turns import Ratio

MANY = 1_000_000
"""Answers whose price is told."""


@dataclass(frozen=True)
class Timed:
    """A batch of a size: median seconds, how many times as long as the first model's, quartiles."""

    batch: int
    seconds: float
    ratio: Ratio
    half: tuple[float, float]

    @property
    def throughput(self) -> float:
        """Examples a second."""
        return self.batch / self.seconds

    @property
    def rate(self) -> str:
        """That, with its spread."""
        ends = " to ".join(units.number(self.batch / end) for end in reversed(self.half))
        return f"{units.number(self.throughput)} ({ends}) in batches of {self.batch}"


@dataclass(frozen=True)
class ModelCost:
    """What one model costs.

    Attributes:
        name: as the user called it.
        parameters: its weights.
        size: bytes of them, or of its file.
        multiply_adds: for one example; None where there is no code to count in.
        predicted: least seconds of each batch by the machine's roofline; none where not counted.
        timed: each batch.
        memory: bytes that the largest batch takes beside what was there; None where not told.
        joules: for one example of the largest batch; None where the machine does not tell it.
        price: of a million answers, at a rate an hour; None where no rate was given.
        moved: bytes that each batch moves at least.
    """

    name: str
    parameters: int
    size: int
    multiply_adds: int | None
    predicted: tuple[float, ...]
    timed: tuple[Timed, ...]
    memory: int | None
    joules: float | None
    price: float | None = None
    moved: tuple[float, ...] = ()

    @property
    def best(self) -> Timed:
        """The batch of the largest throughput."""
        return max(self.timed, key=lambda one: one.throughput)

    def to_json(self) -> dict[str, Any]:
        """As JSON types, in seconds and bytes."""
        timed = [
            {"batch": one.batch, "seconds": one.seconds, "throughput": one.throughput,
             "quartiles": one.half,
             "ratio": dict(zip(("median", "low", "high"), one.ratio, strict=True))}
            for one in self.timed
        ]  # fmt: skip
        predicted = list(self.predicted)
        more = {"timed": timed, "predicted": predicted, "moved": list(self.moved)}
        return dict(vars(self)) | more


@dataclass(frozen=True)
class Costs:
    """What several models cost on this machine.

    Attributes:
        models: the one of the largest throughput first.
        threads: of the measurement.
        energy: why no energy is told, where none is.
        rate: what an hour of this machine costs, if that was given.
        roofline: what the machine can do at most.
    """

    models: tuple[ModelCost, ...]
    threads: int
    energy: str
    rate: float | None
    roofline: Roofline

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """A row for each model, the cheapest first."""
        head = ("rank", "model", "multiply-adds", "size", "memory", "one example",
                "examples a second", "energy", "a million answers")  # fmt: skip
        rows = [
            (
                str(place), one.name,
                "not known" if one.multiply_adds is None else f"{one.multiply_adds / 1e6:,.4g} M",
                units.size(one.size),
                "not told" if one.memory is None else units.size(one.memory),
                units.took(one.timed[0].seconds, one.timed[0].half),
                one.best.rate,
                "not told" if one.joules is None else f"{1000 * one.joules:.3g} mJ",
                "no rate" if one.price is None else f"{one.price:.3g}",
            )
            for place, one in enumerate(self.models, start=1)
        ]  # fmt: skip
        hidden = {
            name for name, place, word in (("energy", 7, "not told"),
                                           ("a million answers", 8, "no rate"))
            if all(row[place] == word for row in rows)
        }  # fmt: skip
        kept = [i for i, name in enumerate(head) if name not in hidden]
        return tuple(head[i] for i in kept), [tuple(row[i] for i in kept) for row in rows]

    def batches(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """A row for each model and batch: the prediction, the measurement, how far they are."""
        head = ("model", "batch", "predicted", "measured", "share", "beside the first")
        first = next((one for one in self.models if one.timed[0].ratio == (1, 1, 1)), None)
        rows = []
        for one in self.models:
            for place, timed in enumerate(one.timed):
                least = one.predicted[place] if one.predicted else None
                rows.append((
                    one.name, str(timed.batch),
                    "not known" if least is None else f"{units.seconds(least)} at least",
                    units.took(timed.seconds, timed.half),
                    "" if least is None else units.percent(least / timed.seconds, digits=0),
                    "it is the first" if one is first else f"{units.times(*timed.ratio)} as long",
                ))  # fmt: skip
        return head, rows

    def lines(self) -> list[tuple[str, str]]:
        """What the machine can do, and what some work reaches of it."""
        roof = self.roofline
        near, far = roof.levels[0], roof.levels[-1]
        works = ", ".join(
            f"{one.name} {units.percent(roof.share(one), digits=0)} ({one.intensity:.3g} "
            "operations a byte)"
            for one in roof.works
        )
        rate = "" if self.rate is None else f"; an hour costs {self.rate:g}"
        return [
            ("machine", f"{roof.peak / 1e9:.4g} GFLOP/s at most, {_speed(near.bandwidth)} from "
             f"{units.size(near.size)}, {_speed(far.bandwidth)} from {units.size(far.size)}; "
             f"threads: {self.threads}{rate}"),
            ("share", f"of what is possible: {works}"),
            *([("energy", self.energy)] if self.energy else []),
        ]  # fmt: skip

    def draw(self, path: str | Path, /) -> Path:
        """Write the roofline as a picture.

        Args:
            path: a .svg or .png file; an older one is replaced.

        Raises:
            UsageError: it ends otherwise, or cannot be written.
        """
        return drawn("roofline_picture:roofline_picture", self, path)

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "models": [one.to_json() for one in self.models], "threads": self.threads,
            "energy": self.energy or None, "rate": self.rate, "roofline": self.roofline.to_json(),
        }  # fmt: skip


def check_picture(path: Path, /) -> None:
    """Refuse another file than a picture.

    Raises:
        UsageError: it ends neither in .svg nor in .png.
    """
    if path.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"{path} would be of an unknown kind; expected a .svg or .png file")


def _speed(bandwidth: float) -> str:
    return f"{bandwidth / 1e9:.3g} GB/s"
