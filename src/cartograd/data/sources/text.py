r"""Text files as bytes: each example is a window, its target the same window one byte later.

Bytes need no tokenizer and know every language: there are 256 classes, and a model of them is
judged in bits per byte. Windows do not overlap; each goes to a split by a hash of its bytes, so
that equal ones stay together. UTF-8 is neither needed nor checked.

Where each line is a question with its answer, `answers_after` names the marks that end a question,
and only what follows is learned: what was asked is read, and nobody has to foresee it.

Shapes: inputs `n t` of bytes 0..255, targets `n t`: target t is input t + 1, or -100 where it is
part of a question.

References:
    L. Xue et al.: ByT5: Towards a Token-Free Future with Pre-trained Byte-to-Byte Models, TACL 10,
    2022. https://arxiv.org/abs/2105.13626

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "abc.txt"
>>> _ = path.write_text("abcd" * 100)
>>> data = text(path, window=8)
>>> bytes(data.train.inputs[0].tolist()), bytes(data.train.targets[0].tolist())
(b'abcdabcd', b'bcdabcda')
>>> _ = path.write_text("3+4=7\n" * 100)
>>> [max(0, target) for target in text(path, window=6, answers_after="=").train.targets[0].tolist()]
[0, 0, 0, 55, 10, 0]
"""

from pathlib import Path

import numpy as np
import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.splits import FEWEST
from cartograd.data.dataset.tensors import assemble
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.text.tokenizer import Tokenizer

CARD = Card(
    name="text",
    kind="data",
    entry="text",
    title="Text files as bytes",
    zh="文本文件（按字节）",
    paper="Xue et al., ByT5",
    year=2022,
    url="https://arxiv.org/abs/2105.13626",
    proofs=(
        "law: windows joined give the files back, and a target is the next byte",
        "law: of lines that are questions with answers the targets are the answers, whatever "
        "windows they fall into",
    ),
)


def text(
    path: str | Path,
    /,
    *,
    window: int = 128,
    pattern: str = "*.txt",
    answers_after: str = "",
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Windows of bytes from one file, or from all files of a folder.

    Args:
        path: a file, or a folder.
        window: bytes of one example; what is left at the end of a file is left out.
        pattern: which files of the folder, at any depth.
        answers_after: characters any of which ends the question of a line; what follows in the
            line, its end too, is learned and nothing else is, and windows without any of it are
            left out. All is learned if not given.
        valid: share of the windows for validation.
        test: share of the windows for testing.

    Raises:
        UsageError: nothing is there or can be read, there are too few windows, or no answers.
    """
    root = Path(path)
    files = sorted(root.rglob(pattern)) if root.is_dir() else [root]
    if not files:
        raise UsageError(f"{root} holds no files that match {pattern}; give pattern=")
    inputs, targets, names, whole = [], [], [], 0
    for file in files:
        content = np.frombuffer(_read(file), dtype=np.uint8)
        learned = _answers(content, answers_after) if answers_after else content
        count = (len(content) - 1) // window if len(content) else 0
        whole += count
        goals = learned[1 : count * window + 1].reshape(count, window)
        taken = np.flatnonzero((goals != IGNORED).any(1))
        inputs.append(content[: count * window].reshape(count, window)[taken])
        targets.append(goals[taken])
        name = file.relative_to(root).as_posix() if root.is_dir() else file.name
        names += [f"{name} byte {i * window}" for i in taken.tolist()]
    if not names and whole:
        raise UsageError(
            f"no line of {root} goes on after any of {answers_after!r}; name the marks that end "
            "its questions with answers_after="
        )
    if len(names) < FEWEST:
        raise UsageError(
            f"{root} gives {len(names)} windows of {window} bytes"
            + (f" with an answer after any of {answers_after!r}" if answers_after else "")
            + f"; expected at least {FEWEST}: give more text or a smaller window"
        )
    byte_names = tuple(f"0x{byte:02x}" for byte in range(256))
    port = Port("text", "text", ("t",), dtype="int64", bounds=(0.0, 255.0))
    label = Port("next byte", "label", ("t", 256), labels=byte_names, task="next-token")
    signature = Signature((port,), (label,))
    stored, learned = (torch.from_numpy(np.concatenate(parts)) for parts in (inputs, targets))
    every = Split(stored, learned, signature, names)
    about = {"source": str(root), "files": len(files), "bytes": stored.numel()}
    shares = {"valid": valid, "test": test}
    keys = [row.tobytes() for row in stored.numpy()]
    settings = {"keys": keys, "standardise": False, "tokenizer": Tokenizer.bytes()}
    return assemble("text", {"train": every}, shares, **settings, about=about)


def _answers(content: np.ndarray, marks: str) -> np.ndarray:
    """The bytes of a text that follow a mark in their line, -100 in the place of the others."""
    ends = np.zeros(len(content), dtype=bool)
    for mark in marks:
        code = mark.encode()
        places = (np.roll(content, at) == byte for at, byte in enumerate(reversed(code)))
        ends |= np.logical_and.reduce(list(places))
    # How many marks came before each byte, and how many before its line began.
    before = np.cumsum(ends) - ends
    begins = np.concatenate([[True], content[:-1] == ord("\n")])[: len(content)]
    earlier = np.maximum.accumulate(np.where(begins, before, 0))
    return np.where(before > earlier, content.astype(np.int64), IGNORED)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {file}: {error.strerror or error}; expected a text file"
        ) from error
