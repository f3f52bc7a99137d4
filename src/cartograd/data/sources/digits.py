"""Handwritten digits of 8x8 pixels, embedded in scikit-learn.

1,797 digits by 13 people, each square of 4x4 pixels of a scanned digit counted into one value
from 0 to 16. They are the test part of the UCI set (the training part is not embedded), so the
splits are our own: a fifth for testing, always the same, decided by a hash of the pixels.

Shapes: inputs `n 1 y x` with y = x = 8 in [0, 1], targets `n` in 0..9.

References:
    E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998. https://doi.org/10.24432/C50P49 (CC BY 4.0)

>>> data = digits()
>>> data, data.test.inputs.shape[1:]
(digits: 1264 train, 174 valid, 359 test, torch.Size([1, 8, 8]))
"""

import numpy as np
import torch

from cartograd.core.card import Card
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.chosen_classes import trained_on
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.tensors import assemble
from cartograd.data.store.embedded import read

CARD = Card(
    name="digits",
    kind="data",
    entry="digits",
    title="Handwritten digits, 8x8 pixels",
    zh="手写数字（8x8）",
    paper="Alpaydin & Kaynak, Optical Recognition of Handwritten Digits",
    year=1998,
    url="https://doi.org/10.24432/C50P49",
    proofs=("oracle: sklearn.datasets.load_digits, every pixel and label",),
)


def digits(
    *, valid: float = 0.1, only: str | int | None = None, without: str | int | None = None
) -> Dataset:
    """The digits of scikit-learn.

    Args:
        valid: share of the whole for validation; the test split does not depend on it.
        only: train and validate with this digit alone; the test part keeps all.
        without: train and validate with all digits but this one.

    Raises:
        UsageError: `valid` leaves nothing for training, or there is no such digit.
    """
    text, about = read("digits.csv.gz")
    rows = np.loadtxt(text.splitlines(), delimiter=",", dtype=np.uint8)
    pixels = torch.tensor(rows[:, :64]).div(16).reshape(-1, 1, 8, 8)
    targets = torch.tensor(rows[:, 64]).long()
    signature = Signature(
        (Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0)),),
        (Port("digit", "label", (10,), labels=tuple("0123456789"), task="classify"),),
    )
    names = [f"row {i + 1}" for i in range(len(rows))]
    keys = [row.tobytes() for row in rows]
    whole = Split(pixels, targets, signature, names)
    shares = {"valid": valid, "test": 0.2}
    data = assemble(
        "digits", {"train": whole}, shares, keys=keys, about=about | {"licence": "CC BY 4.0"}
    )
    return trained_on(data, only=only, without=without)
