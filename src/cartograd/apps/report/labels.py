"""Examples with any number of labels: the figures of each in a table."""

from collections.abc import Sequence

from cartograd.apps.answers.multi_label import LIKELY
from cartograd.apps.report.parts import Section, Table, table
from cartograd.apps.results.by_label import HEAD, Told


def labels(found: Sequence[Told], /) -> Section | None:
    """Precision, recall and F1 of each label, and whether it beats the commoner answer."""
    if not found:
        return None
    lead = f"A label is given from a probability of {LIKELY} on."
    rows = [one.row() for one in found]
    return Section("labels", "Label by label", lead, table(Table(list(HEAD), rows)))
