"""What a scan for poison and backdoors found."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.results.security_curve import Share
from cartograd.apps.results.studied import Studied
from cartograd.core.notebook import drawn
from cartograd.core.ports import Port
from cartograd.frontier.security.detectors.neural_cleanse import SUSPICIOUS, Triggers

SUSPECTS = 20
"""Names of flagged examples that are told."""


@dataclass(frozen=True)
class Truth:
    """How a detector does where it is known which examples are poisoned."""

    auc: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Finding:
    """What one detector says of the examples.

    Attributes:
        method: its spec.
        scores: of the examples.
        flagged: which of them are flagged.
        control: share of clean examples that it flags; None where it flags some in any case.
        suspects: classes of which it flags more than of any clean class; None where that would be
            no sign.
        truth: how right it is, where that is known.
        by_class: the same of the examples that are told to be of each class with poison in it.
    """

    method: str
    scores: Float[Tensor, " n"]
    flagged: Bool[Tensor, " n"]
    control: Share | None
    suspects: tuple[str, ...] | None
    truth: Truth | None
    by_class: dict[str, Truth]

    def row(self) -> tuple[str, ...]:
        """Its cells in the table."""
        count, control, truth = int(self.flagged.sum()), self.control, self.truth
        known = ("", "", "") if truth is None else (
            f"{truth.auc:.3f}", units.percent(truth.precision), units.percent(truth.recall)
        )  # fmt: skip
        names = self.suspects
        said = "no sign by itself" if names is None else ", ".join(names) or "none"
        usual = "" if control is None else units.percent(control.value)
        share = units.percent(count / len(self.flagged))
        return (self.method, f"{count} ({share})", usual, said, *known)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        truth, control = self.truth, self.control
        return {
            "method": self.method,
            "flagged": int(self.flagged.sum()),
            "control": None if control is None else control.to_json(),
            "suspicious": None if self.suspects is None else list(self.suspects),
        } | (
            {}
            if truth is None
            else vars(truth) | {"by_class": {k: vars(one) for k, one in self.by_class.items()}}
        )


@dataclass(frozen=True)
class Repair:
    """A model before and after a backdoor was unlearned, or units were cut away.

    Attributes:
        folder: its bundle.
        target: the class whose trigger stands out most; "" where none does.
        clean: accuracy on clean examples before and after.
        turned: share that the found trigger turns, before and after, if one was found.
        success: share that the attacker's own trigger turns, where it is known.
        cut: how many units were cut away.
    """

    folder: Path
    target: str
    clean: tuple[Share, Share]
    turned: tuple[Share, Share] | None
    success: tuple[Share, Share] | None
    cut: int = 0

    def rows(self) -> list[tuple[str, str, str]]:
        """What, before and after."""
        pairs = [("clean examples right", self.clean)]
        pairs += [] if self.turned is None else [("found trigger turns", self.turned)]
        pairs += [] if self.success is None else [("attacker's trigger turns", self.success)]
        return [
            (name, units.percent(old.value), units.percent(new.value)) for name, (old, new) in pairs
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        both = {"clean": self.clean, "turned": self.turned, "success": self.success}
        told = {"bundle": str(self.folder), "class": self.target, "cut": self.cut}
        return told | {
            name: None if pair is None else [one.value for one in pair]
            for name, pair in both.items()
        }


@dataclass(frozen=True)
class Scan:
    """Signs of poison among training examples, and of a backdoor in the model.

    Attributes:
        model: what it is called.
        examples, trusted, control: how many were judged, taught what is clean, and were judged
            beside them as clean.
        clean: accuracy on the control.
        findings: of the detectors of examples.
        triggers: the smallest pattern that turns inputs into each class; None if not looked for.
        poison: spec of the poison that is known to be there, or "".
        planted: how many of the examples are known to be poisoned.
        success: share of the attacker's inputs that the model answers as the attacker wants.
        repair: of the model, if one was asked for and a backdoor was found.
        names: of the examples.
        port: of the inputs.
        notes: what a reader should know.
    """

    model: str
    examples: int
    trusted: int
    control: int
    clean: Share
    findings: tuple[Finding, ...]
    triggers: Triggers | None
    poison: str
    planted: int
    success: Share | None
    repair: Repair | None
    names: tuple[str, ...] = field(repr=False)
    port: Port = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def suspects(self) -> tuple[str, ...]:
        """Classes that a detector or a trigger speaks against."""
        named = [name for one in self.findings for name in one.suspects or ()]
        found = self.triggers
        named += [] if found is None else [found.labels[k] for k in found.suspects]
        return tuple(dict.fromkeys(named))

    @property
    def verdict(self) -> str:
        """`suspicious`, `no sign found`, or that nothing was looked at that could tell."""
        if self.suspects:
            return "suspicious"
        index = () if self.triggers is None else self.triggers.index
        told = any(one.suspects is not None for one in self.findings)
        return "no sign found" if told or any(one == one for one in index) else "not judged"

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each method: flagged, of clean ones, classes; AUC, precision, recall."""
        rows = [one.row() for one in self.findings]
        if (found := self.triggers) is not None:
            least = min(found.norms)
            of = found.labels[found.norms.index(least)]
            said = ", ".join(found.labels[k] for k in found.suspects) or found.notes[0][1]
            rows.append(("neural-cleanse", f"mask {least:.1f} ({of})", "", said, "", "", ""))
        return rows

    def flagged(self, method: str, /) -> list[tuple[str, float]]:
        """Names and scores of the examples that a method flags, the most suspicious first."""
        one = next(one for one in self.findings if one.method == method)
        rows = one.scores.argsort(descending=True).tolist()
        return [(self.names[i], float(one.scores[i])) for i in rows if one.flagged[i]]

    def to_json(self) -> dict[str, Any]:
        """As JSON types; of the flagged examples the first names."""
        found = self.triggers
        return {
            "model": self.model,
            "verdict": self.verdict,
            "suspicious": list(self.suspects),
            "examples": self.examples,
            "trusted": self.trusted,
            "control": self.control,
            "clean": self.clean.to_json(),
            "methods": [
                one.to_json() | {"names": [name for name, _ in self.flagged(one.method)[:SUSPECTS]]}
                for one in self.findings
            ],
            "triggers": None if found is None else found.to_json() | {"threshold": SUSPICIOUS},
            "poison": self.poison or None,
            "planted": self.planted,
            "success": None if self.success is None else self.success.to_json(),
            "repair": None if self.repair is None else self.repair.to_json(),
            "notes": list(self.notes),
        }

    def draw(self, path: str | Path, /) -> Path | None:
        """Write the triggers that were found, as PNG; None where none were looked for."""
        if self.triggers is None:
            return None
        looked = Studied("neural-cleanse", self.port, self.trusted, self.triggers)
        return drawn("studies:study", looked, path)
