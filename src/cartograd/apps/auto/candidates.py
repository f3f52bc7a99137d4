"""What is tried on data of each kind, the most promising first: each is a line of `train`.

Tables: boosted trees, dense networks of several sizes, a forest. Pictures: a small network,
residual networks, and published weights where they are in the cache. Texts: a recurrence, a
published encoder, its last layer alone or all of it. Sounds: residual networks on spectrograms of
several sizes. Others: the model that `train` chooses by
itself, at several rates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cartograd.apps.load.brought import EFFICIENT, PHOTO, is_here
from cartograd.apps.load.choice import Choice, is_chinese
from cartograd.core.ports import Signature
from cartograd.data.dataset.dataset import Dataset

TREES = 300
"""Most trees of a boosting; each class of more than two takes one a round."""

FOREST = 1000
"""Rows up to which a forest is tried: it grows in minutes on some thousand."""

FLIPS = 32
"""Side of pictures from which on they are photos, which may be turned over."""


@dataclass(frozen=True)
class Candidate:
    """One model with its settings.

    Attributes:
        model: its spec, or the name of published weights.
        settings: what is said besides; the rest is chosen as `train` does.
        once: whether it learns in one pass, so that epochs mean nothing.
    """

    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    once: bool = False

    @property
    def name(self) -> str:
        """What to call it in a table.

        >>> Candidate("mlp:widths=[64]", {"optimizer": "adamw:lr=1e-3"}).name
        'mlp:widths=[64] optimizer=adamw:lr=1e-3'
        """
        return " ".join([self.model, *(f"{key}={value}" for key, value in self.settings.items())])


def candidates(found: Choice, /) -> list[Candidate]:
    """What is tried on data.

    Args:
        found: the data as they are read, and the model that `train` would choose by itself.
    """
    kind, target = found.data.signature.example.kind, found.data.signature.target
    if kind in ("table", "vector"):
        return _tables(found.data)
    if kind == "image" and target in ("class", "classes"):
        return _pictures(found.data)
    if kind == "text" and target in ("class", "classes", "value"):
        return _texts(found.data)
    if kind == "series":
        names = ("exponential-smoothing", "n-beats", "seasonal-naive", "lstm-forecaster", "tcn")
        return [Candidate(name) for name in (*names, "patchtst")]
    if found.model == "mel-resnet":
        return _sounds()
    return _rates(Candidate(found.model, found.settings))


def absent(found: Choice, /) -> list[str]:
    """A line on each published model that would have been tried, and is not here."""
    signature = found.data.signature
    kind = signature.example.kind
    tells = signature.target in ("class", "classes")
    names = []
    if kind == "image" and tells and signature.input.dims[0] == 3 and _side(signature) >= PHOTO:
        names = [EFFICIENT]
    if kind == "text" and tells and not is_chinese(found.data):
        names = ["minilm"]
    return [
        f"{name} is not tried, as it is not here (cartograd data get {name})"
        for name in names
        if not is_here(name)
    ]


def _tables(data: Dataset) -> list[Candidate]:
    signature = data.signature
    classes = signature.classes or 1
    grown = signature.target == "class" or (signature.target == "value" and _single(signature))
    rounds = max(10, min(100, TREES // (classes if classes > 2 else 1)))
    trees = [
        Candidate(f"boosted-trees:trees={rounds}", once=True),
        Candidate(f"boosted-trees:trees={3 * rounds},depth=3,shrinkage=0.05", once=True),
        Candidate("random-forest:trees=30,depth=10", once=True),
    ]
    networks = [
        Candidate("mlp"),
        Candidate("mlp:widths=[64],dropout=0.5", _held(1e-3)),
        Candidate("mlp:widths=[256,128],dropout=0.2", _rate(1e-3)),
        Candidate("mlp:widths=[64]", _rate(1e-2)),
        Candidate("mlp:widths=[128,128,128],dropout=0.1", _rate(3e-3)),
    ]
    if not grown:
        return networks
    first, second, third = trees
    slow = len(data.train) > FOREST
    return [first, networks[0], second, *networks[1:], *([] if slow else [third])]


def _single(signature: Signature) -> bool:
    return signature.output.dims == (1,)


def _side(signature: Signature) -> int:
    """The larger side of pictures."""
    return max(size for size in signature.input.dims[1:] if isinstance(size, int))


def _pictures(data: Dataset) -> list[Candidate]:
    dims, side = data.signature.input.dims, _side(data.signature)
    moved = "flip,crop:padding=4" if side >= FLIPS and dims[0] == 3 else "crop:padding=1"
    augment = {"augment": moved}
    found = []
    if side >= PHOTO and dims[0] == 3 and is_here(EFFICIENT):
        found = [
            Candidate(EFFICIENT, {"freeze": True}),
            Candidate(EFFICIENT, _rate(1e-3)),
        ]
    found += [
        Candidate("resnet:depth=8,width=16", augment),
        Candidate("resnet:depth=14,width=16", augment | _rate(1e-2)),
        Candidate("resnet:depth=8,width=32", augment),
    ]
    small = [Candidate("lenet5"), Candidate("lenet5", augment), Candidate("mlp")]
    return [small[0], *found, *small[1:]] if side <= FLIPS else [*found, small[2]]


def _texts(data: Dataset) -> list[Candidate]:
    found = [Candidate("lstm"), Candidate("lstm", _rate(1e-3))]
    if is_here("minilm") and not is_chinese(data):
        read = [Candidate("minilm", {"freeze": True}), Candidate("minilm")]
        return [read[0], found[0], read[1], found[1]]
    return [*found, Candidate("bert-tiny", _rate(1e-3))]


def _sounds() -> list[Candidate]:
    return [
        Candidate("mel-resnet"),
        Candidate("mel-resnet", _rate(1e-2)),
        Candidate("mel-resnet:width=32"),
        Candidate("mel-resnet:depth=14", _rate(1e-3)),
    ]


def _rates(first: Candidate) -> list[Candidate]:
    if "optimizer" in first.settings:
        return [first]
    return [first, *(Candidate(first.model, {**first.settings, **_rate(x)}) for x in (1e-3, 1e-2))]


def _held(size: float) -> dict[str, str]:
    """A rate with weights that are held small, as where there is more noise than signal."""
    return {"optimizer": f"adamw:lr={size:g},weight_decay=0.1"}


def _rate(size: float) -> dict[str, str]:
    return {"optimizer": f"adamw:lr={size:g}"}
