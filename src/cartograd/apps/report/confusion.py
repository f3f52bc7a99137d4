"""The confusion matrix: which classes are taken for which."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, chart, table
from cartograd.apps.report.theme import BLUE, INK, RED, SURFACE
from cartograd.apps.report.theme import chart as draw
from cartograd.practice.metrics.confusion import confusion as count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_IN_VIEW = 30
"""More classes than this have their table folded away."""

_ANNOTATED = 20
"""More classes than this and the counts would not be readable."""


def confusion(
    outputs: Float[Tensor, "n k"], targets: Int[Tensor, " n"], labels: tuple[str, ...], /
) -> Section | None:
    """Counts of true against predicted class; each row is shaded by its share.

    Args:
        outputs: logits.
        targets: true classes.
        labels: names of the classes.
    """
    if len(targets) == 0:
        return None
    counts = count(outputs, targets).numpy()
    pairs = _pairs(counts, labels)
    right = int(counts.trace())
    alt = f"Confusion matrix of {len(labels)} classes; {right} of {counts.sum()} are right."
    lead = "A row for each true class, a column for each predicted one. " + (
        f"The most common mistake: {pairs[0][0]} taken for {pairs[0][1]}, {pairs[0][2]}×."
        if pairs
        else "There is no mistake."
    )
    return Section("confusion", "Confusion matrix", lead, _body(counts, labels, pairs, alt))


def _body(
    counts: np.ndarray, labels: tuple[str, ...], pairs: list[tuple[str, str, int]], alt: str
) -> Markup:
    longest = max(map(len, labels))
    side = min(680, max(300, 46 * len(labels))) + 7 * min(longest, 24) + 40
    drawing = draw(
        "confusion", (side, side), lambda figure: _paint(figure, counts, labels), alt=alt
    )
    each = _per_class(counts, labels)
    twin = [] if len(labels) <= _IN_VIEW else [each]
    if pairs:
        head = ["true class", "taken for", "times"]
        twin.append(Table(head, pairs[:20], "The most common mistakes", frozenset({1})))
    if len(labels) <= _ANNOTATED:
        rows = [[label, *row] for label, row in zip(labels, counts.tolist(), strict=True)]
        twin.append(Table(["true \\ predicted", *labels], rows, "All counts"))
    shown = table(each) if len(labels) <= _IN_VIEW else Markup("")
    return shown + chart(drawing, twin=twin)


def _pairs(counts: np.ndarray, labels: tuple[str, ...]) -> list[tuple[str, str, int]]:
    """Wrong pairs by how often they occur."""
    wrong = counts - np.diag(counts.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[: max(20, int((wrong > 0).sum()))]
    found = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    return [(labels[i], labels[j], int(wrong[i, j])) for i, j in found if wrong[i, j]]


def _paint(figure: "Figure", counts: np.ndarray, labels: tuple[str, ...]) -> None:
    from matplotlib.patches import Rectangle

    axes = figure.subplots()
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    for i, j in zip(*counts.nonzero(), strict=True):
        # The palette's colour with some transparency is right on light and on dark pages.
        colour, opacity = (
            (BLUE, 0.15 + 0.85 * shares[i, j]) if i == j else (RED, shares[i, j] ** 0.5)
        )
        axes.add_patch(
            Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, color=colour, alpha=opacity, lw=0)
        )
        if len(labels) <= _ANNOTATED:
            strong = i == j and shares[i, j] > 0.45
            axes.text(
                j, i, str(counts[i, j]), ha="center", va="center", color=SURFACE if strong else INK
            )
    ticks = range(len(labels)) if len(labels) <= 40 else range(0, len(labels), len(labels) // 20)
    axes.set_xticks(ticks, [labels[i] for i in ticks], rotation=0 if _short(labels) else 90)
    axes.set_yticks(ticks, [labels[i] for i in ticks])
    axes.set(xlim=(-0.5, len(labels) - 0.5), ylim=(len(labels) - 0.5, -0.5), aspect="equal")
    axes.set_xlabel("predicted", labelpad=10)
    axes.set_ylabel("true", labelpad=10)
    axes.xaxis.set_label_position("top")
    axes.xaxis.tick_top()
    axes.spines[:].set_visible(False)


def _short(labels: tuple[str, ...]) -> bool:
    return max(map(len, labels)) <= (4 if len(labels) > 4 else 12)


def _per_class(counts: np.ndarray, labels: tuple[str, ...]) -> Table:
    hits = counts.diagonal()
    precision = hits / counts.sum(0).clip(1)
    recall = hits / counts.sum(1).clip(1)
    f1 = 2 * hits / (counts.sum(0) + counts.sum(1)).clip(1)
    rows = [
        [label, int(counts[i].sum())]
        + [units.percent(column[i]) for column in (precision, recall, f1)]
        for i, label in enumerate(labels)
    ]
    return Table(["class", "examples", "precision", "recall", "F1"], rows, "Class by class")
