"""What a tour has found so far."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from cartograd.apps.results.evaluation import Evaluation
from cartograd.apps.results.export import Export
from cartograd.apps.results.robustness import Robustness
from cartograd.apps.verbs.plan import Plan
from cartograd.data.dataset.dataset import Examples, Split


@dataclass(frozen=True)
class Row:
    """A line of the tour's table."""

    name: str
    value: str
    remark: str = ""


@dataclass
class Tour:
    """What came of a tour; each step adds its part.

    Attributes:
        folder: holds `report.html`, the run folder, the exported model and `tour.json`.
        run: the run folder.
        plan: model, data and settings.
        progress: how training is shown.
        evaluation: of the test examples.
        baselines: metrics of what the model has to beat, by the baseline's name.
        exported: the ONNX file and how far it differs; `None` where it cannot be had.
        explained: examples, the model's answers, and what each number contributed to them.
        robust: accuracy under attack for each eps; empty where there is nothing to attack.
        rows: the table.
        numbers: the same for programs.
        seconds: how long each step took.
    """

    folder: Path
    run: Path
    plan: Plan
    progress: Any = None
    evaluation: Evaluation | None = None
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    exported: Export | None = None
    explained: tuple[Split, Float[Tensor, "n k"], Float[Tensor, "n ..."]] | None = None
    robust: dict[float, Robustness] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def report(self) -> Path:
        """The HTML file."""
        return self.folder / "report.html"

    @property
    def test(self) -> Examples:
        """The examples that everything is measured on."""
        return self.plan.data.test

    @property
    def measured(self) -> Evaluation:
        """The evaluation, which every later step needs."""
        assert self.evaluation is not None, "the tour has not come to its evaluation"
        return self.evaluation

    def row(self, name: str, value: str, remark: str = "", /, **numbers: Any) -> None:
        """Add a line to the table, and its numbers."""
        self.rows.append(Row(name, value, remark))
        self.numbers |= numbers
