"""Whether somebody has planted something: poison among the training, a trigger in the model.

Detectors judge training examples by what a few trusted ones are like, and clean examples beside
them as a control; Neural Cleanse looks for the smallest pattern that turns inputs into each class
(`apps/verbs/scan`). No sign is no proof: a trigger that is large, or known to be looked for, is not
found.
"""

import math
import time
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.audit.figure import NONE, Figure, Mark
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import MOST, Subject
from cartograd.apps.report.parts import Table, Tile, table, tiles
from cartograd.apps.report.pictures import image, signed
from cartograd.apps.results.scan import Finding, Scan
from cartograd.apps.verbs.scan import METHODS, TRIGGERS, scan
from cartograd.core.errors import UsageError
from cartograd.frontier.security.detectors.neural_cleanse import SUSPICIOUS, Triggers
from cartograd.practice.metrics.proportion import exact

DETECTORS = tuple(method for method in METHODS if method != TRIGGERS)
STEPS, TRIED = 200, 5
"""Steps of the search for triggers, and those that it is timed by."""
JUDGED = 2000
"""Training examples at most."""
SHOWN = 10


@dataclass(frozen=True)
class Backdoor:
    """The classes that detectors or triggers speak against."""

    name: ClassVar[str] = "backdoor"
    title: ClassVar[str] = "Backdoor"
    asks: ClassVar[str] = "Did somebody plant something in it?"
    weight: ClassVar[float] = 3.0
    pilot: ClassVar[int] = MOST  # none: it costs as much whatever the examples, and asks the clock

    def why_not(self, subject: Subject, /) -> str:
        """It needs classes, and the examples of the training."""
        if not subject.classifies:
            return "a backdoor turns a class, and its answers are no single class for each example"
        if subject.train is None:
            return "the examples that it learned from are not known here, and they are judged"
        return ""

    def names(self, _: Subject, /) -> tuple[str, ...]:
        """The classes under suspicion, the trigger that stands out most, and each detector's."""
        flagged = (f"flagged.{method.replace('-', '_')}" for method in DETECTORS)
        return ("suspicious_classes", "trigger_index", *flagged)

    def measure(self, subject: Subject, /) -> Found:
        """Each method that fits, one by one; the search for triggers if there is time for it."""
        found, untested = list[Scan](), list[str]()
        for method in DETECTORS:
            try:
                found.append(_scanned(subject, method))
            except UsageError as error:
                untested.append(f"{method}: {error}")
        triggers = _triggers(subject, untested)
        if triggers is not None:
            found.append(triggers)
        if not found:
            raise UsageError(f"no method fits the model ({untested[0]})")
        named = tuple(dict.fromkeys(name for one in found for name in one.suspects))
        looked = sum(one.verdict != "not judged" for one in found)
        count = Figure(
            "suspicious_classes", len(named), n=found[0].examples, title="classes under suspicion",
            control=0.0, against="no class", better="lower",
            mark="fail" if named else "pass" if looked else "warn",
            rule="fails where there is any; warns where no method could tell",
        )  # fmt: skip
        findings = [one for each in found for one in each.findings]
        figures = [count, *map(_flagged, findings)]
        body = Markup()
        if triggers is not None and triggers.triggers is not None:
            figures.insert(1, _index(triggers.triggers, triggers.trusted))
            body = _drawn(triggers, triggers.triggers)
        head = ["method", "flagged", "of clean ones", "suspicious"]
        rows = [list(row[:4]) for one in found for row in one.rows()]
        said = f": {', '.join(named)}" if named else ""
        return Found(
            tuple(figures),
            f"{found[0].examples:,} training examples judged by {found[0].trusted} trusted ones, "
            f"and {found[0].control:,} clean ones beside. {'Suspicious' if named else 'No sign'}"
            f"{said}.",
            body + table(Table(head, rows, "signs of poison and of triggers", frozenset({3}))),
            {one.findings[0].method if one.findings else TRIGGERS: one.to_json() for one in found},
            (*untested, "triggers that are made not to be found by these methods"),
        )


def _scanned(subject: Subject, method: str) -> Scan:
    assert subject.train is not None
    count = min(JUDGED, len(subject.train))
    return scan(subject.target, subject.read, (method,), examples=count, device=subject.device)


def _triggers(subject: Subject, untested: list[str]) -> Scan | None:
    """The search for triggers, if what a few steps take leaves time for all."""
    begun = time.monotonic()
    try:
        _scanned(subject, f"{TRIGGERS}:steps={TRIED}")
        asked = STEPS / TRIED * (time.monotonic() - begun)
        if asked > subject.seconds:
            untested.append(
                f"{TRIGGERS}: it takes about {units.seconds(asked)}, and there were "
                f"{units.seconds(max(0.0, subject.seconds))}"
            )
            return None
        return _scanned(subject, f"{TRIGGERS}:steps={STEPS}")
    except UsageError as error:
        untested.append(f"{TRIGGERS}: {error}")
        return None


def _flagged(finding: Finding) -> Figure:
    """The share of training examples that a detector flags, beside that of clean ones."""
    n, hits = len(finding.flagged), int(finding.flagged.sum())
    control = NONE if finding.control is None else finding.control.value
    mark: Mark = "" if finding.suspects is None else "warn" if finding.suspects else "pass"
    return Figure(
        f"flagged.{finding.method.replace('-', '_')}", hits / n, *exact(hits, n), n,
        f"flagged by {finding.method}", control, "of clean examples" if control == control else "",
        "lower", "%", mark,
        "warns where a class has more than clean ones of any class, by a binomial test"
        if mark else "told, not judged: it flags some in any case",
    )  # fmt: skip


def _index(found: Triggers, trusted: int) -> Figure:
    """By how much the smallest trigger stands out."""
    there = [one for one in found.index if not math.isnan(one)]
    return Figure(
        "trigger_index", max(there, default=NONE), n=trusted, title="the trigger stands out by",
        control=SUSPICIOUS, against="deviations from which a class is under suspicion",
        better="lower", mark="fail" if found.suspects else "pass" if there else "",
        rule="fails above the control, by a mask below half the median one"
        if there else "told, as there are too few classes",
    )  # fmt: skip


def _drawn(scanned: Scan, found: Triggers) -> Markup:
    """The smallest patterns as pictures: where, and what; of other inputs a table."""
    order = sorted(range(len(found.norms)), key=found.norms.__getitem__)[:SHOWN]
    if scanned.port.kind != "image":
        rows = [list(row) for row in found.rows()[:SHOWN]]
        return table(Table(list(found.columns), rows, "the smallest patterns"))
    content = []
    for k in order:
        alt = f"the smallest pattern that makes it say {found.labels[k]}"
        pictures = (
            signed(found.masks[k], alt=f"where {alt} lies", limit=1.0),
            image(found.masks[k] * found.patterns[k], scanned.port, alt=alt),
        )
        word = " (!)" if k in found.suspects else ""
        content.append(
            Tile(pictures, (), f"{found.labels[k]}{word}: {found.norms[k]:.1f} pixels turn "
                 f"{units.percent(found.success[k], digits=0)}")
        )  # fmt: skip
    return Markup("<h3>The smallest trigger of each class</h3>") + tiles(content)
