"""Audit: one card of a model, with the sections that fit it and the reasons of the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cartograd.apps.audit.against import compared, read_card
from cartograd.apps.audit.budget import Budget
from cartograd.apps.audit.card import Audit, Done
from cartograd.apps.audit.kept import Kept
from cartograd.apps.audit.measured import Said, affordable, measured
from cartograd.apps.audit.rules import read_rules
from cartograd.apps.audit.sections import SECTIONS
from cartograd.apps.audit.subject import MOST, Subject, subject_of
from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target
from cartograd.apps.report.provenance import versions
from cartograd.core.errors import UsageError, first_line

MINUTES = 5.0


def audit(
    target: Target,
    data: Data,
    /,
    *,
    part: str | None = None,
    minutes: float = MINUTES,
    examples: int = MOST,
    slices: str = "",
    fail_under: str | Path | Mapping[str, Any] | None = None,
    against: Target | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    said: Said = lambda _: None,
) -> Audit:
    """What is known of a model before it goes out, each number with its interval and control.

    Accuracy, calibration, corruption, attacks, privacy, explanations and fairness; what does not
    fit the model or the data is named with the reason.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        part: `train`, `valid`, `test` or `all`; by default `test` of what the model was trained
            on, and `all` of other files or folders that do not come in parts.
        minutes: in which it shall be done: each section takes as many examples as there is time
            for by a timed pilot.
        examples: at most.
        slices: a column of the table, by whose cells fairness is measured.
        fail_under: rules by named figures: a TOML file, or what it would hold.
        against: another card (its audit.json), or another model to be audited on the same.
        folder: where sections are kept as they are done, so that a card that was stopped goes on;
            the card of another model is written within, to `against`.
        seed: of the shuffle and all that is drawn.
        device: `auto`, `cpu`, `cuda` or `mps`.
        said: told how it goes on.

    Raises:
        UsageError: the target is no model, the data do not fit it, a rule names no figure of the
            card, or the other card is none.
    """
    if not (math.isfinite(minutes) and minutes > 0):
        raise UsageError(f"minutes={minutes} is no time; expected a number above 0")
    if examples < 1:
        raise UsageError(f"examples={examples} is out of range; expected at least 1")
    told: dict[str, Any] = {"most": examples, "slices": slices, "seed": seed, "device": device}
    subject = subject_of(target, data, part=part, **told)
    rules = [] if fail_under is None else read_rules(fail_under, _names(subject))
    other = None if against is None else _other(against, data, part, told)
    settings = {"minutes": minutes, "examples": examples}
    place = None if folder is None else Path(folder)
    card = _card(subject, place, settings, {}, said)
    if isinstance(other, Subject):
        counts = {done.name: done.cost["n"] for done in card.sections}
        said(f"the other: {other.name}")
        beside = None if place is None else place / "against"
        name = str(against) if isinstance(against, str | Path) else other.name
        theirs = _card(other, beside, settings, counts, said)
        if beside is not None:
            theirs.write(beside)
        card = replace(card, comparison=compared(card, theirs.to_json(), name))
    elif other is not None:
        card = replace(card, comparison=compared(card, other, str(against)))
    return replace(card, rules=tuple(card.judged(rules)))


def _other(against: Target, data: Data, part: str | None, told: dict[str, Any]) -> Any:
    """The JSON of another card, or another model on the same data."""
    if isinstance(against, str | Path) and str(against).endswith(".json"):
        return read_card(against)
    return subject_of(against, data, part=part, **told)


def _names(subject: Subject) -> set[str]:
    """Every figure that the card can have, as rules call it."""
    found = set[str]()
    for section in SECTIONS:
        try:
            found |= {f"{section.name}.{name}" for name in section.names(subject)}
        except UsageError:  # a task without metrics has none to name
            continue
    return found


def _card(
    subject: Subject,
    folder: Path | None,
    settings: dict[str, Any],
    counts: Mapping[str, int],
    said: Said,
) -> Audit:
    """The sections that fit, one after the other."""
    kept = Kept(folder, subject, settings | ({"counts": dict(counts)} if counts else {}))
    budget, done, untested = Budget(settings["minutes"]), list[Done](), dict[str, tuple[str, str]]()
    subject = subject if counts else affordable(subject, settings["minutes"])
    reasons = {section.name: section.why_not(subject) for section in SECTIONS}
    fitting = [section for section in SECTIONS if not reasons[section.name]]
    for section in SECTIONS:
        if why := reasons[section.name]:
            untested[section.name] = section.title, why
            continue
        left = sum(one.weight for one in fitting[fitting.index(section) :])
        found = kept.read(section.name)
        if found is not None:
            said(f"{section.title}: done before")
        else:
            try:
                found = measured(section, subject, budget, left, counts, said)
            except (UsageError, RuntimeError) as error:  # a foreign module may fail in any way
                why = (
                    str(error) if isinstance(error, UsageError) else f"failed: {first_line(error)}"
                )
                untested[section.name] = section.title, why
                said(f"{section.title}: not tested: {why}")
                continue
            kept.write(section.name, *found)
        done.append(Done(section.name, section.title, section.asks, *found))
    return Audit(
        subject.name, f"{subject.data} ({subject.part})", tuple(done), untested,
        _about(subject, settings, kept.digests),
    )  # fmt: skip


def _about(subject: Subject, settings: dict[str, Any], digests: dict[str, str]) -> dict[str, Any]:
    """Digests, versions, settings, and what is known of the training."""
    about, port = subject.origin.about, subject.model.signature.input
    source = about.get("source", {})
    known: Sequence[str] = ("data", "epoch", "seed", "objective", "train examples", "privacy")
    return {
        "seed": subject.seed, "digests": digests, "versions": versions(),
        "settings": settings | {"slices": subject.slices or None},
        "parameters": sum(one.numel() for one in subject.model.parameters()),
        "input": {"kind": port.kind, "shape": list(port.dims), "bounds": port.bounds},
        "training": {key: about[key] for key in known if key in about},
        "source": {k: v for k, v in source.items() if isinstance(v, str | int | float)}
        if isinstance(source, dict) else {},
        "notes": list(subject.notes),
    }  # fmt: skip
