r"""CTC: learn a sequence of labels from a longer input sequence, without an alignment.

The network gives each time step one label or "blank". A path is read by merging repeats and then
dropping the blanks, and the loss is minus the log probability of all paths that read as the target.
There are exponentially many, but only as many positions in the target at a step as it has labels
and blanks, so dynamic programming from left to right sums them all.

    p(y | x) = sum over paths that read as y of prod_t p_t(path_t)
    a_t(s) = p_t(z_s) (a_t-1(s) + a_t-1(s-1) [+ a_t-1(s-2) if z_s is no blank and not z_s-2])

where z is y with a blank before, between and after its labels, and L = -log(a_T(end) +
a_T(end-1)).

Shapes: a batch is (inputs ..., targets): targets `b s`, -100 after the last label of a shorter
row; the model's logits are `b t k`.

Departures: the loss is per label, and long sequences weigh as much as their length; one without
labels counts as one. All sequences have as many steps as the logits.

References:
    Alex Graves, Santiago Fernández, Faustino Gomez, Jürgen Schmidhuber. Connectionist temporal
    classification: labelling unsegmented sequence data with recurrent neural networks. ICML 2006.
    https://doi.org/10.1145/1143844.1143891

>>> import math
>>> evenly = torch.zeros(1, 3, 2).log_softmax(2)  # three steps; of the eight paths six read "1"
>>> round(math.exp(-ctc_loss(evenly, torch.tensor([[1]])).item()) * 8)
6
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss

CARD = Card(
    name="ctc",
    kind="objective",
    entry="CTC",
    nodes=("loss/cross-entropy", "seq2seq/encoder-decoder"),
    title="CTC (connectionist temporal classification)",
    zh="CTC（联结主义时间分类）",
    paper="Connectionist temporal classification: labelling unsegmented sequence data with "
    "recurrent neural networks",
    year=2006,
    url="https://doi.org/10.1145/1143844.1143891",
    proofs=(
        "oracle: torch.nn.functional.ctc_loss, loss and gradients to 1e-10 in float64",
        "law: the sum over all paths that read as the target, counted one by one",
        "law: accumulated batches of uneven length give the gradient of the full batch",
    ),
)

BLANK, IGNORED = 0, -100
"""The blank label, and the padding of shorter targets."""

NEVER = -1e30
"""Stands for log(0): finite, so that gradients are."""


class CTC(nn.Module):
    """The CTC loss of a model that gives logits for each time step.

    Args:
        model: gives logits, `b t k`; class 0 is the blank.
    """

    def __init__(self, *, model: nn.Module):
        super().__init__()
        self.model = model
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each sequence per label; in evaluation also the share that is exact.

        Raises:
            UsageError: the model has too few steps for a target, or a target is no class of it.
        """
        *inputs, targets = batch
        logits = self.model(*inputs)
        _check(logits, targets)
        labels = (targets != IGNORED).sum(1).clamp(min=1).to(logits.dtype)
        metrics = {}
        if not self.training:
            wanted = [row[row != IGNORED].tolist() for row in targets]
            right = [a == b for a, b in zip(collapsed(logits.argmax(2)), wanted, strict=True)]
            metrics["accuracy"] = torch.tensor(right, dtype=logits.dtype, device=logits.device)
        loss = ctc_loss(logits.log_softmax(2), targets)
        yield Loss(loss / labels, weight=labels, metrics=metrics)


def ctc_loss(log_p: Float[Tensor, "b t k"], targets: Int[Tensor, "b s"], /) -> Float[Tensor, " b"]:
    """Minus the logarithm of the probability of each target."""
    labels = targets.clamp(min=BLANK)
    z = torch.nn.functional.pad(labels[:, :, None], (1, 0), value=BLANK).flatten(1)
    z = torch.nn.functional.pad(z, (0, 1), value=BLANK)
    said = log_p.gather(2, z[:, None].expand(-1, log_p.shape[1], -1))
    jumps = torch.zeros_like(z, dtype=torch.bool)
    jumps[:, 2:] = (z[:, 2:] != BLANK) & (z[:, 2:] != z[:, :-2])
    position = torch.arange(z.shape[1], device=z.device)
    reached = said[:, 0].masked_fill(position > 1, NEVER)
    for step in range(1, log_p.shape[1]):
        behind = torch.nn.functional.pad(reached, (2, 0), value=NEVER)
        over = behind[:, :-2].masked_fill(~jumps, NEVER)
        ways = torch.stack([reached, behind[:, 1:-1], over])
        reached = said[:, step] + ways.logsumexp(0)
    end = 2 * (targets != IGNORED).sum(1, keepdim=True)
    before = reached.gather(1, (end - 1).clamp(min=0)).masked_fill(end == 0, NEVER)
    return -torch.logaddexp(reached.gather(1, end), before)[:, 0]


def collapsed(paths: Int[Tensor, "b t"], /) -> list[list[int]]:
    """The labels of paths: repeats merged, then blanks dropped.

    >>> collapsed(torch.tensor([[0, 3, 3, 0, 3, 1]]))
    [[3, 3, 1]]
    """
    new = paths != torch.nn.functional.pad(paths, (1, 0), value=-1)[:, :-1]
    kept = new & (paths != BLANK)
    return [row[keep].tolist() for row, keep in zip(paths, kept, strict=True)]


def _check(logits: Tensor, targets: Tensor) -> None:
    if logits.ndim != 3 or targets.ndim != 2 or len(logits) != len(targets):
        raise UsageError(
            f"ctc: logits {tuple(logits.shape)} do not belong to targets {tuple(targets.shape)}; "
            "expected logits (b, t, k) and labels (b, s)"
        )
    counted = targets != IGNORED
    twice = (targets[:, 1:] == targets[:, :-1]) & counted[:, 1:]
    needed = int((counted.sum(1) + twice.sum(1)).max()) if targets.numel() else 0
    if needed > logits.shape[1]:
        raise UsageError(
            f"ctc: a target needs {needed} steps, and the model has {logits.shape[1]}; give "
            "longer inputs or shorter targets"
        )
    wrong = targets[counted & ((targets <= BLANK) | (targets >= logits.shape[2]))]
    if len(wrong):
        raise UsageError(
            f"ctc: target {int(wrong[0])} is no label; expected 1 to {logits.shape[2] - 1} "
            "(0 is the blank)"
        )
