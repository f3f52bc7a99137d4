r"""Text files as bytes: each example is a window, its target the same window one byte later.

Bytes need no tokenizer and know every language: there are 256 classes, and a model of them is
judged in bits per byte. Windows do not overlap; each goes to a split by a hash of its bytes, so
that equal ones stay together. UTF-8 is neither needed nor checked.

Shapes: inputs `n t` of bytes 0..255, targets `n t`: target t is input t + 1.

References:
    L. Xue et al.: ByT5: Towards a Token-Free Future with Pre-trained Byte-to-Byte Models, TACL 10,
    2022. https://arxiv.org/abs/2105.13626

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "abc.txt"
>>> _ = path.write_text("abcd" * 100)
>>> data = text(path, window=8)
>>> bytes(data.train.inputs[0].tolist()), bytes(data.train.targets[0].tolist())
(b'abcdabcd', b'bcdabcda')
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
from cartograd.data.text.tokenizer import Tokenizer

CARD = Card(
    name="text",
    kind="data",
    entry="text",
    title="Text files as bytes",
    zh="文本文件(按字节)",
    paper="Xue et al., ByT5",
    year=2022,
    url="https://arxiv.org/abs/2105.13626",
    proofs=("law: windows joined give the files back, and a target is the next byte",),
)


def text(
    path: str | Path,
    /,
    *,
    window: int = 128,
    pattern: str = "*.txt",
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Windows of bytes from one file, or from all files of a folder.

    Args:
        path: a file, or a folder.
        window: bytes of one example; what is left at the end of a file is left out.
        pattern: which files of the folder, at any depth.
        valid: share of the windows for validation.
        test: share of the windows for testing.

    Raises:
        UsageError: nothing is there or can be read, or there are too few windows.
    """
    root = Path(path)
    files = sorted(root.rglob(pattern)) if root.is_dir() else [root]
    if not files:
        raise UsageError(f"{root} holds no files that match {pattern}; give pattern=")
    inputs, targets, names = [], [], []
    for file in files:
        content = np.frombuffer(_read(file), dtype=np.uint8)
        count = (len(content) - 1) // window if len(content) else 0
        inputs.append(content[: count * window].reshape(count, window))
        targets.append(content[1 : count * window + 1].reshape(count, window))
        name = file.relative_to(root).as_posix() if root.is_dir() else file.name
        names += [f"{name} byte {i * window}" for i in range(count)]
    if len(names) < FEWEST:
        raise UsageError(
            f"{root} gives {len(names)} windows of {window} bytes; expected at least {FEWEST}: "
            "give more text or a smaller window"
        )
    byte_names = tuple(f"0x{byte:02x}" for byte in range(256))
    port = Port("text", "text", ("t",), dtype="int64", bounds=(0.0, 255.0))
    label = Port("next byte", "label", ("t", 256), labels=byte_names, task="next-token")
    signature = Signature((port,), (label,))
    stored, goals = (torch.from_numpy(np.concatenate(parts)) for parts in (inputs, targets))
    whole = Split(stored, goals, signature, names)
    about = {"source": str(root), "files": len(files), "bytes": stored.numel()}
    shares = {"valid": valid, "test": test}
    keys = [row.tobytes() for row in stored.numpy()]
    settings = {"keys": keys, "standardise": False, "tokenizer": Tokenizer.bytes()}
    return assemble("text", {"train": whole}, shares, **settings, about=about)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {file}: {error.strerror or error}; expected a text file"
        ) from error
