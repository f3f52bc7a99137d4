"""Sound files: one folder for each class, or a single file cut into pieces.

Channels are averaged; samples are in [-1, 1]. Every example has the same number of samples: the
first `seconds` of a file, with silence after a shorter one, or the pieces of a single file one
after another (all of one class, for models that need no targets).

Shapes: inputs `n c t` with c = 1, targets `n`: the index of the class among the sorted names.

References:
    P. Warden: Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition, 2018 (the
    layout). https://arxiv.org/abs/1804.03209

>>> import pathlib, tempfile
>>> import numpy, soundfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "tone.wav"
>>> soundfile.write(path, numpy.sin(numpy.arange(32000) / 20), 8000)
>>> wav(path, seconds=0.1).signature.input.dims
(1, 800)
"""

from pathlib import Path

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.listing import left_out, listed
from cartograd.data.dataset.splits import FEWEST
from cartograd.data.dataset.tensors import assemble
from cartograd.data.decode.sounds import SUFFIXES, fitted, samples

CARD = Card(
    name="wav",
    kind="data",
    entry="wav",
    title="Sound files, one folder for each class",
    zh="声音文件(每类一个子文件夹)",
    paper="Warden, Speech Commands",
    year=2018,
    url="https://arxiv.org/abs/1804.03209",
    proofs=(
        "law: samples written to files come back, and a tone keeps its pitch when resampled",
        "law: files of classes of 150 and more keep their split when others are added",
    ),
    renamed={"rate": "sample_rate"},
)


def wav(
    path: str | Path,
    /,
    *,
    sample_rate: int | None = None,
    seconds: float | None = None,
    labels: tuple[str, ...] = (),
    valid: float = 0.1,
    test: float = 0.2,
) -> Dataset:
    """Sounds from files.

    Args:
        path: a folder of class folders (or of `train`, `valid`, `test` folders that hold them), or
            one file to be cut into pieces.
        sample_rate: samples per second to bring them to; by default that of the files, which
            must all have the same.
        seconds: length of an example; by default that of the files, which then must all be
            equally long. Needed for a single file.
        labels: names of the classes, in their order; by default those of the folders. Folders of
            some of them will do.
        valid: share for validation, unless there is a `valid` folder.
        test: share for testing, unless there is a `test` folder.

    Raises:
        UsageError: there is nothing, a class has no files, a file cannot be read or is of another
            rate or length; the file is named.
    """
    root = Path(path)
    shares = {"valid": valid, "test": test}
    if not root.is_dir():
        return _pieces(root, sample_rate, seconds, shares)
    known, listing = listed(root, SUFFIXES, labels)
    files = [pair for part in listing.values() for pair in part]
    sounds = [(file, *samples(file, rate=sample_rate)) for file, _ in files]
    common, length = _common(sounds, seconds)
    signature = _signature(common, length, tuple(known))
    splits, first = {}, 0
    for part, pairs in listing.items():
        stored = [fitted(sound, length) for _, sound, _ in sounds[first : first + len(pairs)]]
        names = [file.relative_to(root).as_posix() for file, _ in pairs]
        targets = torch.tensor([target for _, target in pairs])
        splits[part] = Split(torch.stack(stored)[:, None], targets, signature, names)
        first += len(pairs)
    decided = left_out(root, listing)
    about = {"source": str(root), "files": len(files), "decided": decided}
    keys = splits["train"].names
    return assemble("wav", splits, shares, keys=keys, about=about)


def _common(sounds: list[tuple[Path, torch.Tensor, int]], seconds: float | None) -> tuple[int, int]:
    """The rate and the number of samples that all examples have."""
    first, whole, rate = sounds[0]
    for file, sound, own in sounds:
        if own != rate:
            raise UsageError(
                f"the sounds differ in rate: {first} has {rate} samples per second, {file} has "
                f"{own}; give the rate to bring them to, such as sample_rate=16000"
            )
        if seconds is None and len(sound) != len(whole):
            raise UsageError(
                f"the sounds differ in length: {first} has {len(whole) / rate:g} s, {file} has "
                f"{len(sound) / rate:g} s; give the length of an example, such as seconds=1"
            )
    return rate, len(whole) if seconds is None else max(1, round(seconds * rate))


def _pieces(
    file: Path, rate: int | None, seconds: float | None, shares: dict[str, float]
) -> Dataset:
    """One file, cut into pieces."""
    sound, own = samples(file, rate=rate)
    if seconds is None:
        raise UsageError(f"{file} is one file: give the length of an example, such as seconds=1")
    length = max(1, round(seconds * own))
    count = len(sound) // length
    if count < FEWEST:
        raise UsageError(
            f"{file} gives {count} pieces of {seconds:g} s; expected at least {FEWEST}: give a "
            "longer file or fewer seconds"
        )
    signature = _signature(own, length, (file.stem,))
    names = [f"{file.name} at {i * seconds:g} s" for i in range(count)]
    stored = sound[: count * length].reshape(count, 1, length)
    whole = Split(stored, torch.zeros(count, dtype=torch.int64), signature, names)
    about = {"source": str(file), "files": 1}
    return assemble("wav", {"train": whole}, shares, keys=names, about=about)


def _signature(rate: int, length: int, labels: tuple[str, ...]) -> Signature:
    port = Port("sound", "audio", (1, length), bounds=(-1.0, 1.0), rate=rate)
    return Signature(
        (port,), (Port("class", "label", (len(labels),), labels=labels, task="classify"),)
    )
