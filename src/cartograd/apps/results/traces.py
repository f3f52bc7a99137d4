"""What `trace` found: each kind with its JSON, its table and its picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from cartograd.architectures.cnn.classical_filters import Filtered
from cartograd.architectures.cnn.receptive_field import Seen
from cartograd.core.notebook import drawn
from cartograd.training.optimizers.gd import Descent


class Sheet(NamedTuple):
    """A table: the columns' names, the rows' cells, and which columns hold numbers."""

    columns: Sequence[str]
    rows: list[tuple[Any, ...]]
    right: Sequence[str] = ()


@dataclass(frozen=True)
class Descents:
    """Batch, mini-batch and stochastic gradient descent on the digits."""

    variants: tuple[Descent, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """Each variant with its losses."""
        return [one.to_json() for one in self.variants]

    def sheet(self) -> Sheet:
        """A row for each variant."""
        columns = (
            *("descent", "examples a step", "steps", "loss after 1 epoch", "at the end"),
            "steps up",
        )
        rows = []
        for one in self.variants:
            after, end = (f"{loss:.3f}" for loss in (one.losses[1], one.losses[-1]))
            rows.append((one.name, one.batch_size, one.steps, after, end, f"{one.rises:.0%}"))
        return Sheet(columns, rows, columns[1:])

    def draw(self, path: str | Path, /) -> Path:
        """Write the loss over the epochs, as PNG."""
        return drawn("drawings:descents", self, path)


@dataclass(frozen=True)
class Fields:
    """What the units of each layer of a network for images see."""

    layers: tuple[Seen, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """Each layer."""
        return [layer.to_json() for layer in self.layers]

    def sheet(self) -> Sheet:
        """A row for each layer."""
        columns = ("layer", "sees", "every", "map")
        rows = [
            (
                row.layer,
                *(f"{a} x {b}" if a else "all" for a, b in (row.field, row.jump, row.size)),
            )
            for row in self.layers
        ]
        return Sheet(columns, rows, columns[1:])


@dataclass(frozen=True)
class Filters:
    """Sobel, Gauss and pyramids as convolutions, beside scipy's."""

    filters: tuple[Filtered, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """Each filter."""
        return [row.to_json() for row in self.filters]

    def sheet(self) -> Sheet:
        """A row for each filter."""
        columns = ("filter", "is", "largest gap to scipy.ndimage")
        return Sheet(columns, [(row.name, row.means, f"{row.gap:.1e}") for row in self.filters])

    def draw(self, path: str | Path, /) -> Path:
        """Write what they make of a photo, beside kernels that were learned, as PNG."""
        return drawn("drawings:filters", self, path)


@dataclass(frozen=True)
class FeatureMaps:
    """What the convolutions of a network answer to a picture.

    Attributes:
        image: the picture, `c y x`.
        layers: the maps of each convolution, `c y x`, by its name.
    """

    image: Float[Tensor, "c y x"]
    layers: dict[str, Tensor]

    def to_json(self) -> dict[str, Any]:
        """The size of each layer's maps."""
        return {
            "layers": [{"layer": n, "maps": list(maps.shape)} for n, maps in self.layers.items()]
        }

    def sheet(self) -> Sheet:
        """A row for each layer."""
        rows = [(name, " x ".join(map(str, maps.shape))) for name, maps in self.layers.items()]
        return Sheet(("layer", "maps"), rows)

    def draw(self, path: str | Path, /) -> Path:
        """Write the picture and some maps of some layers, as PNG."""
        return drawn("drawings:feature_maps", self, path)


@dataclass(frozen=True)
class Gates:
    """The gates of a recurrent network along a row.

    Attributes:
        layers: gates `t d` by name, by the name of the layer.
        labels: what is read at each step; empty where that cannot be said.
    """

    layers: dict[str, dict[str, Tensor]]
    labels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Each gate's mean, and how much of it is near its ends."""
        return {
            "gates": [
                {"layer": name, "gate": gate, "mean": one.mean().item(), "saturated": _share(one)}
                for name, each in self.layers.items()
                for gate, one in each.items()
            ]
        }

    def sheet(self) -> Sheet:
        """A row for each gate."""
        rows = [
            (row["layer"], row["gate"], f"{row['mean']:.3f}", f"{row['saturated']:.0%}")
            for row in self.to_json()["gates"]
        ]
        columns = ("layer", "gate", "mean", "saturated")
        return Sheet(columns, rows, columns[2:])

    def draw(self, path: str | Path, /) -> Path:
        """Write every gate, time to the right, as PNG."""
        return drawn("drawings:gates", self, path)


@dataclass(frozen=True)
class Alignment:
    """A translator's answer, and where it looked for each token.

    Attributes:
        answer: the text.
        weights: attention, a row for each token written, a column for each one read.
        written: the tokens of the answer.
        read: those of the source.
    """

    answer: str
    weights: Float[Tensor, "t s"]
    written: tuple[str, ...]
    read: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The answer and the weights."""
        return {"answer": self.answer, "weights": self.weights.tolist()}

    def draw(self, path: str | Path, /) -> Path:
        """Write the weights, as PNG."""
        return drawn("drawings:alignment", self, path)


def _share(gate: Tensor) -> float:
    """The share of numbers so far out that they hardly learn: within 0.05 of the end."""
    ends = (gate.abs() > 0.95) | ((gate.min() >= 0) & (gate < 0.05))
    return ends.float().mean().item()
