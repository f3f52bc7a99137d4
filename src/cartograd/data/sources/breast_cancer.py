"""Breast cancer Wisconsin: is a tumour malignant, from 30 measures of its cells' nuclei?

569 samples taken with a fine needle. Ten measures of each nucleus in the picture (radius,
texture, ...) are summed up by their mean, its standard error, and the mean of the three largest.
A fifth of the rows is for testing, always the same, decided by a hash of the row.

Shapes: inputs `n d` with d = 30, standardised by the training rows; targets `n` in {0, 1}.

References:
    W. Wolberg, O. Mangasarian, N. Street, W. Street: Breast Cancer Wisconsin (Diagnostic), UCI
    Machine Learning Repository, 1993. https://doi.org/10.24432/C5DW2B (CC BY 4.0)

>>> data = breast_cancer()
>>> data.signature.output.labels, data.signature.input.columns[0].name
(('malignant', 'benign'), 'mean radius')
"""

from dataclasses import replace

import torch

from cartograd.core.card import Card
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.tabular import tabular
from cartograd.data.dataset.targets import Targets
from cartograd.data.decode.table import Table
from cartograd.data.store.embedded import read

CARD = Card(
    name="breast-cancer",
    kind="data",
    entry="breast_cancer",
    title="Breast cancer Wisconsin (diagnostic)",
    zh="威斯康星乳腺癌（诊断）",
    paper="Wolberg et al., Breast Cancer Wisconsin (Diagnostic)",
    year=1993,
    url="https://doi.org/10.24432/C5DW2B",
    proofs=("oracle: sklearn.datasets.load_breast_cancer, every measure and label",),
)

MEASURES = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
    "concave points", "symmetry", "fractal dimension",
)  # fmt: skip
NAMES = (
    *(f"mean {measure}" for measure in MEASURES),
    *(f"{measure} error" for measure in MEASURES),
    *(f"worst {measure}" for measure in MEASURES),
)


def breast_cancer(*, valid: float = 0.1) -> Dataset:
    """The samples of scikit-learn.

    Args:
        valid: share of the whole for validation; the test split does not depend on it.

    Raises:
        UsageError: `valid` leaves nothing for training.
    """
    text, about = read("breast_cancer.csv")
    rows = [line.split(",") for line in text.splitlines()[1:]]
    lines = list(range(2, len(rows) + 2))
    table = Table("breast_cancer.csv", (*NAMES, "diagnosis"), rows, lines)
    targets = torch.tensor([int(cell) for cell in table.column("diagnosis")])
    output = Port("diagnosis", "label", (2,), labels=("malignant", "benign"), task="classify")
    goal = Targets(table, targets, output)
    data = tabular("breast-cancer", goal, list(NAMES), valid=valid, test=0.2)
    return replace(data, about=about | {"licence": "CC BY 4.0"})
