"""Translations: what was written beside what was expected, the furthest from it first."""

from collections.abc import Sequence

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, table
from cartograd.apps.results.evaluation import Text
from cartograd.practice.metrics.chrf import chrf


def translations(texts: Sequence[Text], /, *, most: int = 15) -> Section:
    """The translations with the lowest chrF.

    Args:
        texts: all of them; at least one.
        most: how many to show.
    """
    scores = [chrf([one.written], [one.expected]) for one in texts]
    order = sorted(range(len(texts)), key=scores.__getitem__)[:most]
    same = sum(one.written == one.expected for one in texts)
    lead = (
        f"{same:,} of {len(texts):,} translations are the expected text to the letter; "
        f"the {len(order)} with the lowest chrF come first."
    )
    rows = [
        [one.source, one.written, one.expected, units.percent(scores[i])]
        for i in order
        for one in (texts[i],)
    ]
    head = ("source", "written", "expected", "chrF")
    body = table(Table(head, rows, text=frozenset({0, 1, 2})))
    return Section("translations", "Translations", lead, body)
