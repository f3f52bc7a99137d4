"""Coins: scikit-image's photograph of 24 Greek coins, in tiles, each pixel a coin's or not.

The light falls off from the top left to the bottom, so no one level of grey parts coins from
ground. There is no mask beside the photograph: the ellipses below were drawn by eye around each
coin, and are right to about a pixel or two of a coin's edge.

It is cut between coins, so that no coin, and no part of the ground, is in two parts: two columns of
coins are tested on (tiles side by side), the other four of the third row are for validation, and
the other four of the others are trained on (tiles that overlap). Tested on the right, the middle
and the left columns in turn, three models answer for the whole photograph.

Shapes: inputs `n 1 y x` in [0, 1], kept as uint8; targets `n y x`, 1 where a coin is.

References:
    The photograph: Brooklyn Museum Collection, no known restrictions.
    https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data.coins
    The outlines: drawn for this library.

>>> len(COINS)
24
"""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.statistics import measured
from cartograd.data.decode.images import pixels
from cartograd.data.store import packages

CARD = Card(
    name="coins",
    kind="data",
    entry="coins",
    title="A photograph of coins in tiles, with masks",
    zh="硬币照片（切块，带掩码）",
    proofs=("law: no part of the photograph is in two parts, and each coin is whole in one",),
)

COINS = (
    *((44.7, 53.7, 22.0, 20.3), (100.5, 56.5, 19.5, 17.5), (155.5, 51.0, 23.2, 22.3)),
    *((215.8, 51.0, 23.5, 21.7), (275.8, 52.8, 20.5, 19.2), (335.0, 43.7, 29.3, 28.0)),
    *((46.0, 124.2, 20.7, 20.5), (103.0, 125.8, 19.0, 18.8), (153.8, 127.5, 19.8, 17.5)),
    *((206.2, 124.8, 20.2, 19.5), (270.8, 119.5, 25.2, 24.5), (336.8, 124.8, 19.5, 19.5)),
    *((44.2, 197.2, 18.5, 19.5), (102.2, 195.8, 21.8, 21.2), (154.7, 197.8, 19.3, 18.8)),
    *((212.7, 193.2, 23.7, 23.2), (273.7, 194.5, 22.7, 22.2), (347.3, 187.0, 32.0, 31.3)),
    *((46.3, 260.3, 28.0, 27.7), (114.2, 265.7, 21.5, 21.3), (172.5, 261.5, 28.5, 25.5)),
    *((244.2, 263.8, 24.5, 23.8), (301.0, 263.5, 25.0, 24.8), (358.2, 268.0, 22.8, 20.7)),
)
"""Column and row of the middle, half the width and half the height of each coin, in pixels."""

SHAPE = (303, 384)
"""Rows and columns of the photograph."""

ROWS = ((0, 85), (85, 150), (150, 225), (225, 303))
"""From which row of pixels to which each row of coins is."""

CUTS = ((0, 126, 247, 384), (0, 128, 236, 384), (0, 130, 243, 384), (0, 140, 272, 384))
"""The columns of pixels between which two columns of coins are, in each row of coins."""

TESTED = ("left", "middle", "right")

FILE = "coins.png"


Piece = tuple[int, int, int, int]
"""From which row to which, and from which column to which."""


def coins(
    path: str | Path | None = None,
    /,
    *,
    size: int = 56,
    tested: Literal["left", "middle", "right"] = "right",
) -> Dataset:
    """Tiles of the photograph, and which of their pixels are coins'.

    Args:
        path: the photograph, or the folder that it is in; by default what `cartograd data get
            coins` has fetched.
        size: height and width of a tile.
        tested: which two of the six columns of coins are for the test.

    Raises:
        UsageError: the photograph is not there, or a piece of it is lower than a tile.
    """
    lowest = min(below - top for top, below in ROWS)
    if not 8 <= size <= lowest:
        raise UsageError(f"size={size} is out of range; a tile of coins has 8 to {lowest} pixels")
    root = packages.where("coins") if path is None else Path(path)
    file = root / FILE if root.is_dir() else root
    height, width = SHAPE
    picture = pixels(file, channels=1, height=height, width=width, fit="stretch")[0]
    mask = outlined()
    tiles = {
        part: _tiles(picture, mask, own, size, step=max(1, size // 8) if part == "train" else size)
        for part, own in pieces(tested).items()
    }
    image = Port("image", "image", (1, size, size), "float32", (0.0, 1.0))
    output = Port("mask", "label", (2, size, size), labels=("ground", "coin"), task="segment")
    signature = Signature((measured(image, tiles["train"][0]),), (output,))
    splits = {part: Split(x, y, signature, names) for part, (x, y, names) in tiles.items()}
    decided = [f"tested on the two {tested} columns of coins, trained on others"]
    about = {"source": str(file), "licence": "no known restrictions", "decided": decided}
    return Dataset("coins", **splits, signature=signature, about=about)


def pieces(tested: str, /) -> dict[str, list[Piece]]:
    """The pieces of each part.

    Args:
        tested: the two columns of coins for the test.
    """
    at = TESTED.index(tested)
    found = dict[str, list[Piece]](train=[], valid=[], test=[])
    for number, (rows, cuts) in enumerate(zip(ROWS, CUTS, strict=True)):
        found["test"].append((*rows, cuts[at], cuts[at + 1]))
        others = ((0, at), (at + 1, len(TESTED)))  # what is beside each other stays whole
        found["valid" if number == 2 else "train"] += [
            (*rows, cuts[left], cuts[right]) for left, right in others if left < right
        ]
    return found


def outlined() -> UInt8[Tensor, "y x"]:
    """The mask of the photograph."""
    rows, columns = (np.arange(side) + 0.5 for side in SHAPE)
    mask = np.zeros(SHAPE, dtype=np.uint8)
    for column, row, wide, high in COINS:
        inside = ((columns - column) / wide) ** 2 + ((rows[:, None] - row) / high) ** 2
        mask[inside <= 1] = 1
    return torch.from_numpy(mask)


def _tiles(
    picture: Tensor, mask: Tensor, own: list[Piece], size: int, *, step: int
) -> tuple[Tensor, Tensor, list[str]]:
    """The tiles of pieces, `step` apart."""
    places = []
    for top, below, left, right in own:
        rows, columns = ((below - top - size) % step, (right - left - size) % step)
        places += [
            (row, column)
            for row in range(top + rows // 2, below - size + 1, step)
            for column in range(left + columns // 2, right - size + 1, step)
        ]
    names = [f"row {top} column {left}" for top, left in places]
    x, y = (
        torch.stack([one[top : top + size, left : left + size] for top, left in places])
        for one in (picture, mask)
    )
    return x[:, None], y, names
