"""The card of a method: what it is, as literals that can be read without running its file.

Every method file holds `CARD = Card(...)` and, where the field has named variants,
`PRESETS = {...}`. Listings, help and the map read both from the source text, so they are
instant and nothing has to be imported (or registered by import) to be found.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = (
    "activation",
    "adapter",
    "attack",
    "augmentation",
    "average",
    "clipping",
    "compressor",
    "data",
    "decoding",
    "degradation",
    "demonstration",
    "detector",
    "diagnostic",
    "explainer",
    "exporter",
    "federated",
    "initialiser",
    "layer",
    "loss",
    "measurement",
    "metric",
    "model",
    "normalisation",
    "objective",
    "optimizer",
    "poison",
    "privacy",
    "privacy-attack",
    "purifier",
    "regulariser",
    "sample-metric",
    "sampler",
    "schedule",
    "secure-inference",
    "study",
    "technique",
    "text-metric",
    "token-sampler",
    "verifier",
    "weights",
)
"""What a card can describe. Torch's own optimizers have specs but no cards."""

MEASURED = ("metric", "sample-metric", "text-metric")
"""Kinds of figures, which are better on one side."""

PROOFS = ("oracle", "law", "paper")
"""The three kinds of proof: a reference package, an identity, a published count."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a method is.

    Attributes:
        name: what users type, unique among the methods of its kind, e.g. `resnet`.
        aliases: other names that find it: the field's, or one that it had before.
        kind: one of `KINDS`.
        entry: the class or function of this file that does the work; a model's function makes it.
        nodes: ids of the map's places (`concepts.tsv`) that this method makes real.
        title, zh: its name in English and in Chinese.
        paper, year, url: where it was first described.
        proofs: one line each, `oracle: ...`, `law: ...` or `paper: ...`; a test marked
            with the same kind and this card's name must stand behind each.
        tiny: the smallest arguments that still show the method, used by conformance tests.
        objective: spec of the objective a model is trained with unless told otherwise.
        metrics: names of the metrics shown by default (objectives only).
        needs: extra of the package that has to be installed, e.g. `export`.
        better: of a metric, which numbers are better: `lower` or `higher`.
        unit: of a metric, what its number counts: `%` for a share of one that is shown in per cent,
            `share` for one that is shown as it is, `target` for one in the unit of what is
            predicted, or nothing.
        short: its title in a narrow heading, where the title itself is too long.
        evidence: for a place of `nodes`, what shows that its `done_when` holds: names of marked
            tests, `claim:ID` and `acceptance:ROW`. One card of a place is enough.
        missing: for a place of `nodes`, what its `done_when` still lacks, in a phrase.
        answers: of a model, the task of its answer where it settles that itself, whatever the data
            are for: `density` of examples, `generate` for examples of its own, or `restore` for
            whole pictures of degraded ones.
        settings: of an objective or a model, the settings of a training that differ from the usual
            defaults.
        logs: of an objective, what it logs beside its loss, and which way each number is better.
        renamed: arguments that had another name before, and what they are called now; a spec
            in the old words stays valid.
    """

    name: str
    kind: str
    entry: str
    title: str
    zh: str
    nodes: tuple[str, ...] = ()
    paper: str = ""
    year: int = 0
    url: str = ""
    proofs: tuple[str, ...] = ()
    tiny: dict[str, Any] = field(default_factory=dict)
    objective: str = ""
    metrics: tuple[str, ...] = ()
    needs: str = ""
    aliases: tuple[str, ...] = ()
    better: str = ""
    unit: str = ""
    short: str = ""
    answers: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    module: str = ""
    """Dotted name of the file, filled in by the reader."""
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Named variants from the file's PRESETS, filled in by the reader."""

    def to_json(self) -> dict[str, Any]:
        """The card as JSON types."""
        return asdict(self)
