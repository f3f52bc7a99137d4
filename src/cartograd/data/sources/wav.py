"""Sound files: one folder for each class, or a single file cut into pieces.

Channels are averaged; samples are in [-1, 1]. Every example has the same number of samples: the
first `seconds` of a file, with silence after a shorter one, or the pieces of a single file one
after another (all of one class, for models that need no targets). What libsndfile reads is read:
WAV, FLAC, OGG, MP3 and AIFF, of any depth.

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

from functools import partial
from pathlib import Path
from typing import Literal

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.copies import split_keys
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.listing import listed, readable, told
from cartograd.data.dataset.splits import FEWEST
from cartograd.data.dataset.tensors import assemble
from cartograd.data.decode.sound_survey import common, decided
from cartograd.data.decode.sounds import SUFFIXES, Sound, fitted, sound
from cartograd.data.decode.survey import refuse, tried

CARD = Card(
    name="wav",
    kind="data",
    entry="wav",
    title="Sound files, one folder for each class",
    zh="声音文件（每类一个子文件夹）",
    paper="Warden, Speech Commands",
    year=2018,
    url="https://arxiv.org/abs/1804.03209",
    proofs=(
        "law: samples written to files come back, and a tone keeps its pitch when resampled",
        "oracle: files of every depth, rate and number of channels, as soundfile and scipy read "
        "and resample them",
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
    broken: Literal["refuse", "leave-out"] = "refuse",
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
        broken: what is done about files of a folder that cannot be read: `refuse` names them all,
            `leave-out` goes on without them.
        valid: share for validation, unless there is a `valid` folder.
        test: share for testing, unless there is a `test` folder.

    Raises:
        UsageError: there is nothing, a class has no files, or files cannot be read, which are all
            named; rates or lengths differ, and nothing says what to bring them to.
    """
    root = Path(path)
    shares = {"valid": valid, "test": test}
    if not root.is_dir():
        return _pieces(root, sample_rate, seconds, shares)
    known, listing = listed(root, SUFFIXES, labels)
    lost = list[Path]()
    if broken == "leave-out":
        listing, lost = readable(known, listing, sound)
    files = [pair for part in listing.values() for pair in part]
    read = [tried(partial(sound, rate=sample_rate), file) for file, _ in files]
    refuse([one for one in read if isinstance(one, str)], "sounds")
    sounds = [one for one in read if isinstance(one, Sound)]
    rate = common(sounds, rate=sample_rate, seconds=seconds)
    length = len(sounds[0].samples) if seconds is None else max(1, round(seconds * rate))
    signature = _signature(rate, length, tuple(known))
    splits, first = {}, 0
    for part, pairs in listing.items():
        stored = [fitted(one.samples, length) for one in sounds[first : first + len(pairs)]]
        names = [file.relative_to(root).as_posix() for file, _ in pairs]
        targets = torch.tensor([target for _, target in pairs])
        splits[part] = Split(torch.stack(stored)[:, None], targets, signature, names)
        first += len(pairs)
    notes = [*told(root, known, listing, lost), *decided(sounds, rate, length)]
    about = {"source": str(root), "files": len(files), "decided": notes}
    keys = split_keys(splits["train"].names, [file for file, _ in listing["train"]])
    return assemble("wav", splits, shares, keys=keys, about=about)


def _pieces(
    file: Path, rate: int | None, seconds: float | None, shares: dict[str, float]
) -> Dataset:
    """One file, cut into pieces."""
    whole = sound(file, rate=rate)
    own, samples = rate or whole.rate, whole.samples
    if seconds is None:
        raise UsageError(f"{file} is one file: give the length of an example, such as seconds=1")
    length = max(1, round(seconds * own))
    count = len(samples) // length
    if count < FEWEST:
        raise UsageError(
            f"{file} gives {count} pieces of {seconds:g} s; expected at least {FEWEST}: give a "
            "longer file or fewer seconds"
        )
    signature = _signature(own, length, (file.stem,))
    names = [f"{file.name} at {i * seconds:g} s" for i in range(count)]
    stored = samples[: count * length].reshape(count, 1, length)
    split = Split(stored, torch.zeros(count, dtype=torch.int64), signature, names)
    notes = decided([whole._replace(samples=samples[:length])], own, length)
    rest = len(samples) - count * length
    notes += [f"the last {rest / own:.3g} s are no whole piece, and left out"] if rest else []
    about = {"source": str(file), "files": 1, "decided": notes}
    return assemble("wav", {"train": split}, shares, keys=names, about=about)


def _signature(rate: int, length: int, labels: tuple[str, ...]) -> Signature:
    port = Port("sound", "audio", (1, length), bounds=(-1.0, 1.0), rate=rate)
    return Signature(
        (port,), (Port("class", "label", (len(labels),), labels=labels, task="classify"),)
    )
