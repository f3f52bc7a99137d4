"""Telephone announcements by professional voices: whose voice is it, and what does it say?

Asterisk's core sounds are the same announcements in five languages: English and Spanish by one
speaker, French, Italian and Russian by three others. Here the language is the class. Every example
has the same length: the first seconds of an announcement, with silence after a shorter one; those
that last less than half of it are left out, as is recorded silence. With `whole` an announcement
gives as many examples as it has whole lengths, one after another and all in the same part.
`announcements` gives the English ones whole, with their text.

Shapes: inputs `n c t` with c = 1, targets `n`: the index of the language among the sorted names.

References:
    Digium, Inc. Asterisk core sounds, version 1.6.1. 2006-2019.
    https://downloads.asterisk.org/pub/telephony/sounds/

>>> prompts("no/such/folder")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/folder is no folder; ...
"""

import gzip
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.listing import listed
from cartograd.data.dataset.tensors import assemble
from cartograd.data.decode.sounds import SUFFIXES, fitted, sound
from cartograd.data.store import packages

CARD = Card(
    name="prompts",
    kind="data",
    entry="prompts",
    title="Telephone announcements in five languages",
    zh="五种语言的电话提示音（真人朗读）",
    paper="Asterisk core sounds",
    year=2019,
    url="https://downloads.asterisk.org/pub/telephony/sounds/",
    proofs=(
        "law: announcements long enough are there, cut and filled up, each once, by language",
        "paper: 568 English announcements, of which 553 are spoken and have a text",
    ),
    renamed={"rate": "sample_rate"},
)

RATE = 8000
"""Samples per second of the recordings."""

LANGUAGES = ("en", "es", "fr", "it", "ru")
EMPTY = 44
"""Bytes of a file that holds no samples; there is one among them."""


def prompts(
    path: str | Path | None = None,
    /,
    *,
    seconds: float = 2.0,
    sample_rate: int = RATE,
    whole: bool = False,
    labels: tuple[str, ...] = (),
    valid: float = 0.1,
    test: float = 0.2,
) -> Dataset:
    """Announcements, by language.

    Args:
        path: a folder with one folder for each language; by default what
            `cartograd data get prompts` and `cartograd data get prompts-voices` have fetched.
        seconds: length of an example.
        sample_rate: samples per second to bring them to.
        whole: whether all of an announcement counts, piece by piece, or its first seconds.
        labels: languages to take; by default all that there are.
        valid: share for validation.
        test: share for testing.

    Raises:
        UsageError: the sets have not been fetched, or the folder does not hold sounds.
    """
    files = _fetched(labels) if path is None else _own(Path(path), labels)
    languages = sorted({language for language, _, _ in files})
    length = max(1, round(seconds * sample_rate))
    kept, targets, names, keys = [], [], [], []
    for language, name, file in files:
        samples = sound(file, rate=sample_rate).samples
        if "silence" in Path(name).parts:
            continue
        pieces = _pieces(samples, length) if whole else [samples]
        for number, piece in enumerate(pieces):
            if len(piece) < length / 2:
                continue
            kept.append(fitted(piece, length))
            targets.append(languages.index(language))
            keys.append(f"{language}/{name}")
            names.append(f"{keys[-1]} at {number * seconds:g} s" if whole else keys[-1])
    if not kept:
        least = seconds if whole else seconds / 2
        raise UsageError(
            f"no announcement lasts {least:g} s; ask for fewer seconds than {seconds:g}"
        )
    port = Port("sound", "audio", (1, length), bounds=(-1.0, 1.0), rate=sample_rate)
    label = Port("language", "label", (len(languages),), labels=tuple(languages), task="classify")
    signature = Signature((port,), (label,))
    every = Split(torch.stack(kept)[:, None], torch.tensor(targets), signature, names)
    shares = {"valid": valid, "test": test}
    about = {"source": str(path or "Asterisk core sounds 1.6.1"), "files": len(set(keys))}
    return assemble("prompts", {"train": every}, shares, keys=keys, about=about)


def _pieces(samples: Float[Tensor, " t"], length: int) -> list[Float[Tensor, " s"]]:
    """As many whole lengths as there are; the rest is left out."""
    return list(samples[: len(samples) // length * length].split(length))


def announcements() -> list[tuple[Path, str]]:
    """The English announcements that somebody speaks, and what she says, in the order of names.

    Raises:
        UsageError: the set has not been fetched.
    """
    folder = packages.where("prompts")
    text = gzip.decompress((folder / "core-sounds-en.txt.gz").read_bytes()).decode()
    prompts = []
    for line in text.splitlines():
        name, _, said = (part.strip() for part in line.partition(":"))
        file = folder / "en" / f"{name}.wav"
        spoken = said and said[0] not in "[(" and not line.startswith(";")
        if spoken and file.is_file():
            prompts.append((file, said.partition("[")[0].strip()))
    return sorted(prompts)


def _fetched(labels: tuple[str, ...]) -> list[tuple[str, str, Path]]:
    """Language, name and path of each file of the languages, of which only what is needed counts.

    Raises:
        UsageError: there is no such language, or its set has not been fetched.
    """
    wanted = labels or LANGUAGES
    for label in wanted:
        if label not in LANGUAGES:
            raise unknown("language", label, LANGUAGES)
    own = packages.where("prompts") if "en" in wanted else Path()
    others = packages.where("prompts-voices") if set(wanted) - {"en"} else Path()
    folders = [(own if label == "en" else others) / label for label in wanted]
    return [
        (folder.name, file.relative_to(folder).as_posix(), file)
        for folder in folders
        for file in sorted(folder.rglob("*.wav"))
        if file.stat().st_size > EMPTY
    ]


def _own(root: Path, labels: tuple[str, ...]) -> list[tuple[str, str, Path]]:
    known, listing = listed(root, SUFFIXES, labels)
    return [
        (known[target], file.relative_to(root / known[target]).as_posix(), file)
        for file, target in listing["train"]
    ]
