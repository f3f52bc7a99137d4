"""Label error rate: how many labels a CTC network reads wrongly, for each one expected.

What the likeliest path reads as is compared with the target by the fewest labels put in, left out
or replaced; over all rows, divided by the number of labels expected.

    LER = sum edits(read(argmax path), target) / sum |target|

Shapes: outputs (n, t, k) with class 0 the blank, targets (n, s), below 0 after the last label; a
single step (n, k) with targets (n) counts as rows of one step.

Departures: summed over rows before the quotient is taken, so that long rows weigh more.

References:
    Alex Graves, Santiago Fernández, Faustino Gomez, Jürgen Schmidhuber. Connectionist temporal
    classification: labelling unsegmented sequence data with recurrent neural networks. ICML 2006.
    https://doi.org/10.1145/1143844.1143891

>>> path = torch.nn.functional.one_hot(torch.tensor([[1, 1, 0, 2]]), 4).float()
>>> label_error_rate(path, torch.tensor([[1, 3]]))
0.5
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given
from cartograd.practice.metrics.word_error_rate import edits
from cartograd.training.objectives.ctc import BLANK, collapsed

CARD = Card(
    name="label-error-rate",
    kind="metric",
    entry="label_error_rate",
    nodes=("metric/accuracy",),
    title="Label error rate (CTC)",
    zh="标签错误率（CTC）",
    better="lower",
    short="label error rate",
    aliases=("ler",),
    paper="Connectionist temporal classification: labelling unsegmented sequence data with "
    "recurrent neural networks",
    year=2006,
    url="https://doi.org/10.1145/1143844.1143891",
    proofs=("law: the edits of each row, counted by hand, whatever stands after the targets",),
)


def label_error_rate(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "n1 ..."], /
) -> float:
    """Edits for each label expected.

    Raises:
        UsageError: outputs and targets do not belong together.
    """
    if outputs.ndim < 3:
        outputs, targets = given.classes(outputs, targets)
        outputs, targets = outputs[:, None], targets[:, None]
    if len(outputs) != len(targets) or not len(outputs) or targets.ndim != 2:
        raise UsageError(
            f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} do not belong "
            "together; expected logits (n, t, k) and labels (n, s)"
        )
    return float(whole(parts(outputs, targets).sum(0)))


def parts(
    outputs: Float[Tensor, "b t k"], targets: Shaped[Tensor, "b s"], /
) -> Float[Tensor, "b n"]:
    """The edits and the labels of each row."""
    read = collapsed(outputs.argmax(2))
    wanted = [row[row > BLANK].tolist() for row in targets]
    pairs = zip(read, wanted, strict=True)
    return torch.tensor([[edits(a, b), len(b)] for a, b in pairs], dtype=torch.float64)


def whole(sums: Float[Tensor, "... n"], /) -> Float[Tensor, "..."]:
    """From the sums of `parts` to the metric."""
    return sums[..., 0] / sums[..., 1].clamp(min=1)
