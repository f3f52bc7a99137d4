"""Fashion-MNIST: 70,000 grey pictures of clothes, 28x28 pixels, in ten classes.

Drawn up to take the place of the handwritten digits of MNIST, in the same format and numbers
but harder. Training and test sets are the official ones; validation examples are cut from the
training set by a hash of their pixels.

Shapes: inputs `n 1 y x` with y = x = 28 in [0, 1], kept as uint8; targets `n` in 0..9.

References:
    H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms, 2017. https://arxiv.org/abs/1708.07747 (MIT licence)

>>> from cartograd.data.sources.fashion_mnist import LABELS
>>> LABELS[7]
'Sneaker'
"""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.chosen_classes import of_class
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.tensors import assemble
from cartograd.data.store import packages

CARD = Card(
    name="fashion-mnist",
    kind="data",
    entry="fashion_mnist",
    title="Fashion-MNIST, clothes in 28x28 pixels",
    zh="Fashion-MNIST 服饰图像（28x28）",
    paper="Xiao et al., Fashion-MNIST",
    year=2017,
    url="https://arxiv.org/abs/1708.07747",
    proofs=(
        "paper: 60,000 and 10,000 examples, 6,000 and 1,000 of each class",
        "law: IDX files written by the test are read back, whole or packed",
    ),
)

LABELS = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
WHITE = 255
OFFICIAL = "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7"
"""sha256 of the training labels."""


def fashion_mnist(
    path: str | Path | None = None,
    /,
    *,
    examples: int | None = None,
    valid: float = 1 / 12,
    levels: int = WHITE + 1,
    size: int | None = None,
    only: str | int | None = None,
) -> Dataset:
    """Fashion-MNIST, or any set in its format.

    Args:
        path: a folder of the four IDX files, packed (`.gz`) or not; by default what
            `cartograd data get fashion-mnist` has fetched. A set of other labels than
            Fashion-MNIST's keeps its numbers as labels.
        examples: use so many of the training set, the first ones; all if not given.
        valid: share of them for validation (1/12 of all is about 5,000).
        levels: how many evenly spaced values from 0 to 1 a pixel keeps, the nearest to it; 2 makes
            black and white pictures.
        size: height and width; 14 makes each pixel the mean of four. As they are if not given.
        only: train and validate with this class alone, by name or number; the test part keeps all.

    Raises:
        UsageError: the files are not there or damaged, a label is out of range, there are not so
            many examples, a byte has no such levels, or sides cannot be divided so.
    """
    if WHITE % (levels - 1):
        raise UsageError(f"levels={levels}: a byte keeps 2, 4, 6, 16, 18, 52, 86 or 256 levels")
    folder = packages.where("fashion-mnist") if path is None else Path(path)
    pairs = {
        part: (
            coarser(shrunk(_read(folder, f"{stem}-images", 3), size), levels),
            _read(folder, f"{stem}-labels", 1),
        )
        for part, stem in (("train", "train"), ("test", "t10k"))
    }
    raw = pairs["train"][1].numpy().tobytes()
    official = hashlib.sha256(raw).hexdigest() == OFFICIAL
    labels = LABELS if official else tuple(str(i) for i in range(int(pairs["train"][1].max()) + 1))
    dims = (1, *pairs["train"][0].shape[1:])
    signature = Signature(
        (Port("image", "image", dims, bounds=(0.0, 1.0)),),
        (Port("label", "label", (len(labels),), labels=labels, task="classify"),),
    )
    splits = {
        part: _split(folder, part, *pair, signature=signature) for part, pair in pairs.items()
    }
    splits["train"] = _first(of_class(splits["train"], only), examples)
    keys = [row.tobytes() for row in splits["train"].stored.numpy()]
    about = {"source": str(folder), "licence": "MIT"} if official else {"source": str(folder)}
    return assemble("fashion-mnist", splits, {"valid": valid}, keys=keys, about=about)


def shrunk(images: UInt8[Tensor, "n y x"], size: int | None, /) -> UInt8[Tensor, "n y2 x2"]:
    """Pictures of this height and width, each pixel the mean of a square; None changes nothing.

    Raises:
        UsageError: pictures are not of as many squares.
    """
    if size is None:
        return images
    high, wide = images.shape[1:]
    if size < 1 or high != wide or high % size:
        sides = [str(side) for side in range(1, high + 1) if high == wide and not high % side]
        raise UsageError(
            f"size={size}: pictures of {high} x {wide} pixels are made smaller by whole squares; "
            f"expected {', '.join(sides) or 'square pictures'}"
        )
    side = high // size
    squares = images.reshape(-1, size, side, size, side).transpose(2, 3).flatten(3)
    return squares.sum(3, dtype=torch.int32).div(side**2).round().to(images.dtype)


def coarser(images: UInt8[Tensor, "..."], levels: int, /) -> UInt8[Tensor, "..."]:
    """Pixels at the nearest of so many levels; of 256 they are as they were."""
    step = WHITE // (levels - 1)
    return ((images.int() + step // 2) // step * step).to(images.dtype)


def _split(
    folder: Path, part: str, images: Tensor, labels: Tensor, *, signature: Signature
) -> Split:
    classes = len(signature.output.labels)
    if len(images) != len(labels):
        raise UsageError(f"{folder}: {len(images)} {part} images but {len(labels)} labels")
    if images.shape[1:] != signature.input.dims[1:]:
        raise UsageError(f"{folder}: {part} images are of {tuple(images.shape[1:])} pixels")
    bad = (labels >= classes).nonzero()
    if len(bad):
        row = int(bad[0])
        raise UsageError(
            f"{folder}: {part} label {row + 1} is {int(labels[row])}; expected 0 to {classes - 1}"
        )
    return Split(images[:, None], labels.long(), signature)


def _first(split: Split, examples: int | None) -> Split:
    if examples is None:
        return split
    if not 1 <= examples <= len(split):
        raise UsageError(f"examples={examples}: expected 1 to {len(split)}, as many as there are")
    return split.select(range(examples))


def _read(folder: Path, stem: str, rank: int) -> Tensor:
    """One IDX file: magic 0, 0, 8 (bytes), rank; big-endian sizes; then the bytes."""
    names = [f"{stem}{dot}idx{rank}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise UsageError(
            f"{folder} does not hold {stem}-idx{rank}-ubyte.gz; expected the four IDX files of "
            "Fashion-MNIST: cartograd data get fashion-mnist"
        )
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} is damaged: {error}; fetch it again") from error
    shape = tuple(np.frombuffer(data[4 : 4 + 4 * rank], dtype=">u4").tolist())
    if data[:4] != bytes([0, 0, 8, rank]) or len(data) != 4 + 4 * rank + int(np.prod(shape)):
        raise UsageError(f"{path} is not a whole IDX file of bytes with {rank} dimensions")
    return torch.frombuffer(bytearray(data[4 + 4 * rank :]), dtype=torch.uint8).reshape(shape)
