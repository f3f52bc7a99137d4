"""Where a language model ends: sums by digits, chains by steps, copies by length.

The questions are those of `cartograd evaluate MODEL --tasks limits` (`apps/exams/limits.py`), which
no data are needed for; fewer of each where there is less time. Nothing is judged: what a model has
to be able to do is for whoever wants it to say, by `--fail-under`.

References:
    Nouha Dziri et al. Faith and fate: limits of transformers on compositionality. NeurIPS 2023.
    https://arxiv.org/abs/2305.18654
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.audit.figure import Figure
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import Subject
from cartograd.apps.exams.limits import ALL, CURVES, QUESTIONS, exams_of
from cartograd.apps.exams.sit import examine
from cartograd.apps.report.parts import Table, chart
from cartograd.apps.report.theme import BLUE, GOLD, INK, quiet
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

WORDS = {"digits": "sum of numbers of {} digits", "steps": "chain of {} steps",
         "length": "copy of {} letters"}  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """The share of right answers at growing sizes of a few plain tasks."""

    name: ClassVar[str] = "limits"
    title: ClassVar[str] = "Limits"
    asks: ClassVar[str] = "How long may sums, chains and copies be?"
    weight: ClassVar[float] = 2.0
    pilot: ClassVar[int] = 2

    def why_not(self, subject: Subject, /) -> str:
        """Models that go on with texts."""
        if subject.model.signature.task.generated == "continuation":
            return ""
        return "the questions are for models that go on with a text"

    def names(self, _: Subject, /) -> tuple[str, ...]:
        """Each size of each task."""
        return tuple(f"{kind}_{size}" for kind in WORDS for size in CURVES[kind].sizes)

    def measure(self, subject: Subject, /) -> Found:
        """As many questions of each size as there are examples, 50 at most."""
        count = min(QUESTIONS, len(subject))
        results = examine(subject.model, exams_of(ALL, limit=count, seed=subject.seed))
        figures = []
        for one in results:
            _, kind, size = one.task.split("-")
            right = one.figures["exact_match"]
            figures.append(
                Figure(
                    f"{kind}_{size}", right.value, right.low, right.high, len(one.answers),
                    _titled(kind, int(size)), better="higher", unit="%",
                )
            )  # fmt: skip
        notes = tuple(dict.fromkeys(note for one in results for note in one.notes))
        return Found(
            tuple(figures),
            "Right answers after four worked examples of the same size, by size; bars are 95 % "
            "intervals.",
            _drawn(figures),
            {"curves": [one.to_json() for one in results]},
            notes,
        )


def _titled(kind: str, size: int) -> str:
    """A figure in words.

    >>> _titled("steps", 1), _titled("steps", 2)
    ('chain of 1 step', 'chain of 2 steps')
    """
    said = WORDS[kind].format(size)
    return said.removesuffix("s") if size == 1 else said


def _drawn(figures: Sequence[Figure]) -> Markup:
    """A curve for each task, over the logarithm of the size."""

    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        for kind, colour in zip(WORDS, (INK, BLUE, GOLD), strict=True):
            own = [one for one in figures if one.name.startswith(kind)]
            values = [one.value for one in own]
            spread = [[one.value - one.low for one in own], [one.high - one.value for one in own]]
            axes.errorbar(
                CURVES[kind].sizes, values, yerr=spread, color=colour, marker="o", markersize=4,
                capsize=2, label=kind,
            )  # fmt: skip
        axes.set(xlabel="digits, steps or letters", ylabel="right", ylim=(-0.02, 1.05))
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        quiet(axes)

    rows = [
        [one.title, units.percent(one.value), units.percent(one.low), units.percent(one.high)]
        for one in figures
    ]
    twin = [Table(["", "right", "from", "to"], rows, "shares of right answers, by size")]
    first = figures[0]
    alt = f"Of each {first.title} {units.percent(first.value)} are right."
    return chart(draw("limits", (720, 320), paint, alt=alt), twin=twin)
