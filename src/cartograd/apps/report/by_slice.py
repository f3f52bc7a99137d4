"""Groups of the examples: the figures of each in a table, beside the rest."""

from collections.abc import Sequence

from cartograd.apps.report.parts import Section, Table, table
from cartograd.apps.results.by_slice import OfGroup, head


def by_slice(found: Sequence[OfGroup], names: Sequence[str], /) -> Section | None:
    """Each group's metrics, and whether it is worse than all other examples.

    Args:
        found: the groups.
        names: of the metrics to show.
    """
    if not found:
        return None
    judged = next((one.judged for one in found if one.judged), "")
    lead = (
        "Each group with its 95 % intervals. It is held against all other examples"
        + (f" by {judged}" if judged else "")
        + ", by an interval of the difference that holds for all groups of a slice together."
    )
    rows = [one.row(names) for one in found]
    last = len(rows[0]) - 1
    shown = Table(head(names), rows, text=frozenset({0, 1, last}))
    return Section("slices", "Group by group", lead, table(shown))
