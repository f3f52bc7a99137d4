"""A section is measured: on a few examples first, by the clock, then on as many as time allows."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cartograd.apps.audit.budget import STEP, Budget, counted
from cartograd.apps.audit.section import Found, Section
from cartograd.apps.audit.subject import Subject
from cartograd.apps.verbs.attack import outputs_of

FEW, LEAST = 8, 64
"""Examples that a model's speed is measured by, and that are answered in any case."""
ANSWERS = 0.1
"""Of the minutes, that answers of all examples may take."""

Said = Callable[[str], object]


def affordable(subject: Subject, minutes: float, /) -> Subject:
    """The examples that the model can answer in a tenth of the time: all, of most models."""
    if len(subject) <= LEAST or not subject.classifies:
        return subject
    x = subject.examples.select(range(FEW)).inputs
    outputs_of(subject.model, x[:1])  # the first call prepares kernels
    begun = time.monotonic()
    outputs_of(subject.model, x)
    each = (time.monotonic() - begun) / FEW
    most = max(LEAST, int(ANSWERS * 60 * minutes / max(each, 1e-9)))
    if most >= len(subject):
        return subject
    note = f"{most:,} of {len(subject):,} examples are looked at, as the model takes its time"
    return replace(subject.few(most), notes=(*subject.notes, note))


def measured(
    section: Section,
    subject: Subject,
    budget: Budget,
    left: float,
    counts: Mapping[str, int],
    said: Said,
    /,
) -> tuple[Found, dict[str, Any]]:
    """A section on as many examples as there is time for, and what that cost.

    Args:
        section: to be measured.
        subject: with all examples.
        budget: the minutes.
        left: weight of the sections that are to come, with this one.
        counts: examples of each section, where another card says so.
        said: told how it goes on.
    """
    start, n, how, found = time.process_time(), len(subject), "all examples", None
    seconds = budget.share(section.weight, left=left) if left else math.inf
    subject = replace(subject, seconds=seconds)
    if section.name in counts:
        n, how = min(n, counts[section.name]), "as many as the other card"
    elif section.weight and n > section.pilot:
        found, pilots = _piloted(section, subject, seconds)
        spent = sum(one for _, one in pilots)
        n = counted(pilots, rest=seconds - spent, most=n)
        few = " and ".join(str(count) for count, _ in pilots)
        how = f"pilots of {few} took {spent:.2g} s, {_of(seconds)}"
        said(f"{section.title}: {n:,} of {len(subject):,} examples ({how})")
        found = found if n == pilots[-1][0] else None
    found = found or section.measure(subject.few(n))
    spent = time.process_time() - start
    said(f"{section.title}: {found.mark or 'told'}, {spent:.1f} s of the processor")
    return found, {"n": n, "chosen": how, "cpu_seconds": round(spent, 3)}


def _of(seconds: float, /) -> str:
    """How much time there was, in words.

    >>> _of(12.345), _of(0.0)
    ('of the 12.3 s there were', 'and there was no time left')
    """
    return f"of the {seconds:.3g} s there were" if seconds >= 0.01 else "and there was no time left"


def _piloted(
    section: Section, subject: Subject, seconds: float
) -> tuple[Found, list[tuple[int, float]]]:
    """What the last pilot found, and what each took; a second one where the first left room."""
    pilots, n = list[tuple[int, float]](), section.pilot
    while True:
        begun = time.monotonic()
        found = section.measure(subject.few(n))
        pilots.append((n, time.monotonic() - begun))
        if len(pilots) > 1 or STEP * pilots[0][1] > seconds or STEP * n >= len(subject):
            return found, pilots
        n *= STEP
