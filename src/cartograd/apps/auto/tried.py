"""A try of a search: one training, the line that repeats it, and what it reached."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Tried:
    """One training.

    Attributes:
        name: of its folder, below that of the search.
        model: its spec, or the name of published weights.
        settings: what was said besides.
        round: of the search: 1 for all, 2 for the better ones, 3 for other seeds of the best.
        score: of the validation examples, by the search's metric; larger is better.
        loss: the mean negative log-likelihood of the same, or the error of values: decides between
            equals.
        seconds: that it took, with what is measured at its end.
        failed: why there is nothing to compare, if so.
        cut: whether it was ended when the time was up, before all its epochs; its line goes on to
            their end.
        crossed, crossed_loss: score and loss by cross-validation, where it was judged so, too.
    """

    name: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    round: int = 1
    score: float = float("-inf")
    loss: float = float("inf")
    seconds: float = 0.0
    failed: str = ""
    cut: bool = False
    crossed: float | None = None
    crossed_loss: float = float("inf")

    @property
    def better(self) -> tuple[float, float]:
        """By which it is ranked: the score, then the loss; of cross-validation where there was."""
        return (self.score, -self.loss) if self.crossed is None else (self.crossed, -self.lost)

    @property
    def lost(self) -> float:
        """The loss that goes with the score by which it is ranked."""
        return self.loss if self.crossed is None else self.crossed_loss

    def command(self, data: str, /) -> str:
        """The line that trains it again.

        >>> Tried("1", "mlp", {"optimizer": "adamw:lr=0.01", "epochs": 3}).command("a b.csv")
        "cartograd train mlp --data 'a b.csv' --optimizer adamw:lr=0.01 --epochs 3"
        """
        words = ["cartograd", "train", self.model, "--data", data]
        more = []
        for key, value in self.settings.items():
            if key in ("optimizer", "epochs"):
                words += [f"--{key}", str(value)]
            else:
                said = str(value).lower() if isinstance(value, bool) else str(value)
                more.append(f"{key}={said}")
        return shlex.join([*words, *(["--set", *more] if more else [])])

    def to_json(self) -> dict[str, Any]:
        """The try as JSON types."""
        return asdict(self)
