"""The clients of a federation: who had which examples, and what was sent."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cartograd.apps.answers.federated import sent_in_words
from cartograd.apps.report.parts import Section, Table, chart, table
from cartograd.apps.report.theme import BLUE, INK, SURFACE
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 40
"""Clients and classes that are drawn; the rest stands in the table."""


def clients(account: Mapping[str, Any] | None, labels: Sequence[str], /) -> Section | None:
    """How many examples of each class each client had.

    Args:
        account: what a federation kept of itself, if it was one.
        labels: names of the classes.
    """
    if account is None:
        return None
    counts, sizes = account["classes of clients"], account["examples"]
    lead = (
        f"{account['clients']} clients, {account['in a round']} in each of {account['rounds']} "
        f"rounds; an epoch above is a round. {sent_in_words(account).capitalize()}. The line of "
        "central training, if there is one, is that of all examples at one place."
    )
    names = [f"client {place + 1}" for place in range(len(sizes))]
    if not counts or not labels:
        rows = [[name, size] for name, size in zip(names, sizes, strict=True)]
        return Section("clients", "Clients", lead, table(Table(["client", "examples"], rows)))
    rows = [[name, size, *own] for name, size, own in zip(names, sizes, counts, strict=True)]
    twin = Table(["client", "examples", *labels], rows, "Examples of each class")
    shown, some = counts[:MOST], list(labels)[:MOST]
    seen = [sum(count > 0 for count in own) for own in counts]
    alt = f"Examples by client and class; clients have {min(seen)} to {max(seen)} of the classes."
    size = (120 + 34 * len(some), 70 + 22 * len(shown))
    drawing = draw("clients", size, lambda figure: _paint(figure, shown, some), alt=alt)
    return Section("clients", "Clients", lead, chart(drawing, twin=[twin]))


def _paint(figure: "Figure", counts: list[list[int]], labels: list[str]) -> None:
    from matplotlib.patches import Rectangle

    axes = figure.subplots()
    most = max(1, *(count for own in counts for count in own))
    for row, own in enumerate(counts):
        for column, count in enumerate(own[:MOST]):
            if count:
                share = count / most
                place = (column - 0.47, row - 0.45)
                axes.add_patch(
                    Rectangle(place, 0.94, 0.9, color=BLUE, alpha=0.1 + 0.9 * share, lw=0)
                )
                colour = SURFACE if share > 0.5 else INK
                axes.text(
                    column, row, str(count), ha="center", va="center", color=colour, fontsize=7
                )
    axes.set_xticks(range(len(labels)), labels, rotation=0 if max(map(len, labels)) < 4 else 90)
    axes.set_yticks(range(len(counts)), [str(row + 1) for row in range(len(counts))])
    axes.set(xlim=(-0.5, len(labels) - 0.5), ylim=(len(counts) - 0.5, -0.5), ylabel="client")
    axes.xaxis.tick_top()
    axes.spines[:].set_visible(False)
