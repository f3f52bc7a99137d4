"""What a check sees of data: of each example its part, target and content, and facts of it.

Pictures are kept as small grey ones, whatever their size, so that what is looked at fits in memory.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cartograd.apps.check.facts import Facts, of_files, of_table, of_texts
from cartograd.core.ports import Signature
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.plan import order
from cartograd.data.decode.table import Table, joined

PARTS = ("train", "valid", "test")

CHUNK = 256
"""Examples that are in memory at a time."""

SIDE, SMALL = 32, 16
"""Side of the grey picture that is compared, and of the one that a quick model learns from."""

WIDEST = 200
"""Numbers of a vector from which on each of them is no fact of its own."""


@dataclass(frozen=True)
class Looked:
    """What was seen.

    Attributes:
        data: the whole.
        part: of each example that was looked at: 0 for training, 1 for validation, 2 for testing.
        place: its place in that part.
        targets: its class (a whole number) or its value; None where there is neither.
        keys: a digest of its content.
        facts: numbers (NaN where missing) or words (None where missing) by name.
        numbers: features for a quick model; None of texts.
        grey: a small grey picture of each, of pictures and sounds.
        texts: of examples that are texts.
        table: the rows, of a table.
        whole: how many examples there are.
    """

    data: Dataset
    part: np.ndarray
    place: np.ndarray
    targets: np.ndarray | None
    keys: list[bytes]
    facts: Facts = field(default_factory=dict)
    numbers: np.ndarray | None = None
    grey: np.ndarray | None = None
    texts: list[str] | None = None
    table: Table | None = None
    whole: int = 0

    @property
    def signature(self) -> Signature:
        """Of the data."""
        return self.data.signature

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, if the targets are classes."""
        one = self.targets is not None and self.signature.task.target == "class"
        return self.signature.output.labels if one else ()

    def __len__(self) -> int:
        return len(self.part)

    def name(self, row: int, /) -> str:
        """What to call an example."""
        return self.examples(row).name(int(self.place[row]))

    def examples(self, row: int, /) -> Examples:
        """The part in which an example is."""
        return getattr(self.data, PARTS[self.part[row]])

    def label(self, row: int, /) -> str:
        """The class of an example, or its value."""
        if self.targets is None:
            return ""
        target = self.targets[row]
        return self.labels[int(target)] if self.labels else f"{target:g}"

    def x(self, row: int, /) -> Tensor:
        """The input of an example."""
        return self.examples(row).select([int(self.place[row])]).inputs[0]


def look(data: Dataset, /, *, most: int) -> Looked:
    """Look at data, a chunk at a time.

    Args:
        data: what to look at.
        most: examples; of more a fair draw is looked at, that is always the same.
    """
    sizes = [len(getattr(data, part)) for part in PARTS]
    part = np.repeat(np.arange(3), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    if len(part) > most:
        chosen = np.sort(order(len(part), seed=0, epoch=0)[:most].numpy())
        part, place = part[chosen], place[chosen]
    kind = data.signature.example.kind
    table = _table(data, part, place)
    seen = _Seen()
    for split in _chunks(data, part, place):
        seen.add(split, kind, pictures=kind in ("image", "audio"))
    facts, texts = seen.facts, None
    if kind == "text" and (table is not None or data.tokenizer is not None):
        texts = _texts(data, table, seen)
        facts = of_texts(texts)
        seen.keys = [_digest(" ".join(text.lower().split()).encode()) for text in texts]
    elif table is not None and data.signature.input.columns:
        facts = of_table(table, data.signature.input.columns)
    elif kind == "image":
        names = [
            getattr(data, PARTS[number]).name(at)
            for number, at in zip(part.tolist(), place.tolist(), strict=True)
        ]
        facts = of_files(data, names) | facts
    return Looked(
        data, part, place, seen.targets(data.signature), seen.keys, facts, seen.numbers(kind),
        seen.stacked(seen.grey), texts, table, sum(sizes),
    )  # fmt: skip


@dataclass
class _Seen:
    """What is gathered chunk by chunk."""

    keys: list[bytes] = field(default_factory=list)
    rows: list[Tensor] = field(default_factory=list)
    grey: list[Tensor] = field(default_factory=list)
    answers: list[Tensor] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)
    measured: dict[str, list[Tensor]] = field(default_factory=dict)

    def add(self, split: Split, kind: str, *, pictures: bool) -> None:
        """Look at a chunk."""
        self.answers.append(split.targets)
        if kind == "text":
            self.tokens += split.stored.tolist()
            self.keys += [_digest(one.numpy().tobytes()) for one in split.stored]
            return
        self.keys += [_digest(one.numpy().tobytes()) for one in split.stored]
        x = split.inputs.float()
        if not pictures:
            self.rows.append(x.flatten(1))
            return
        if kind == "audio":
            self._note(loudness=x.square().mean((1, 2)).sqrt(), peak=x.abs().amax((1, 2)))
            x = _spectrogram(x)
        else:
            grey = x.mean(1)
            self._note(brightness=grey.mean((1, 2)), contrast=grey.std((1, 2)))
            if x.shape[1] == 3:
                self._note(colour=(x - x.mean(1, keepdim=True)).abs().mean((1, 2, 3)))
        small = _resized(x.mean(1, keepdim=True), SIDE)[:, 0]
        self.grey.append(small)
        self.rows.append(torch.cat([_resized(x, SMALL).flatten(1), _edges(small)], 1))

    def _note(self, **facts: Tensor) -> None:
        for name, values in facts.items():
            self.measured.setdefault(name, []).append(values)

    @property
    def facts(self) -> Facts:
        """What was measured of pictures and sounds, or the numbers of short rows."""
        found = {name: torch.cat(parts).double().numpy() for name, parts in self.measured.items()}
        if found or not self.rows or self.rows[0].shape[1] > WIDEST:
            return found
        rows = torch.cat(self.rows).double().numpy()
        return {f"number {at + 1}": column for at, column in enumerate(rows.T)}

    def targets(self, signature: Signature) -> np.ndarray | None:
        """Classes or values, one for each example."""
        means = signature.task.target
        single = all(one.shape[1:].numel() == 1 for one in self.answers)  # and not one for a token
        if means not in ("class", "value") or not self.answers or not single:
            return None
        return torch.cat([one.flatten() for one in self.answers]).numpy()

    def numbers(self, kind: str) -> np.ndarray | None:
        """Features for a quick model."""
        return None if kind == "text" else self.stacked(self.rows)

    @staticmethod
    def stacked(parts: Sequence[Tensor]) -> np.ndarray | None:
        """All of them, or None where there is none."""
        return torch.cat(list(parts)).numpy() if parts else None


def _chunks(data: Dataset, part: np.ndarray, place: np.ndarray) -> Iterator[Split]:
    """The examples a few at a time."""
    for number, name in enumerate(PARTS):
        places = place[part == number]
        for start in range(0, len(places), CHUNK):
            yield getattr(data, name).select(places[start : start + CHUNK].tolist())


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _resized(x: Tensor, side: int) -> Tensor:
    """Pictures of another size; each pixel is the mean of those that it stands for."""
    if min(x.shape[-2:]) >= side:
        return F.adaptive_avg_pool2d(x, side)
    return F.interpolate(x, (side, side), mode="bilinear", align_corners=False)


def _edges(grey: Tensor) -> Tensor:
    """How strong edges of eight directions are in each of 4 x 4 places, relative to all of them."""
    across = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
    down = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
    angle = (torch.atan2(down, across) / math.pi % 1 * 8).long().clamp(max=7)
    strength = torch.hypot(across, down)[:, None] * F.one_hot(angle, 8).movedim(3, 1)
    found = F.adaptive_avg_pool2d(strength, 4).flatten(1)
    return found / found.norm(dim=1, keepdim=True).clamp(min=1e-6)


def _spectrogram(x: Tensor) -> Tensor:
    """Sounds as pictures of loudness by pitch and time, from 0 to 1 each."""
    length = x.shape[-1]
    size = min(512, max(16, 2 ** (length // 8).bit_length() if length >= 8 else 16))
    found = torch.stft(
        F.pad(x[:, 0], (0, max(0, size - length))), size, hop_length=size // 2,
        window=torch.hann_window(size), return_complex=True, pad_mode="constant",
    ).abs()  # fmt: skip
    loud = (found + 1e-4).log()
    low, high = loud.amin((1, 2), keepdim=True), loud.amax((1, 2), keepdim=True)
    return ((loud - low) / (high - low).clamp(min=1e-6))[:, None]


def _table(data: Dataset, part: np.ndarray, place: np.ndarray) -> Table | None:
    """The rows that were looked at, as they stand in the file."""
    parts = list[Table | None]()
    for number, name in enumerate(PARTS):
        split, places = getattr(data, name), place[part == number].tolist()
        if places:
            table = split.table if isinstance(split, Split) else None
            parts.append(None if table is None else table.select(places))
    return joined(parts)


def _texts(data: Dataset, table: Table | None, seen: _Seen) -> list[str]:
    """The texts, or what their tokens say."""
    if table is not None and len(table.header) == 1:
        return table.column(table.header[0])
    return [data.tokenizer.decode(row) for row in seen.tokens]
