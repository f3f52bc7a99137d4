"""Labelling tokens: at each position of a sequence, give the right label the highest probability.

The label of a position is what the task makes of it: the next token for a language model, the part
of speech for a tagger, the next word of the answer for an encoder-decoder. Positions that have none
(padding, a prompt that is only read) are marked -100 and do not count: not in the sum, and not in
what it is divided by.

    L = sum_t w_t (-log softmax(model(x)_t)_(y_t)) / sum_t w_t,    w_t = 0 where y_t = -100, else 1

Shapes: a batch is (inputs ..., targets): inputs `b t` (two of them for an encoder-decoder, the
second already shifted right), targets `b t` of labels; the model's logits are `b t k`.

Departures: the division is by the labelled positions of the whole step, over all microbatches and
processes, so that sentences of uneven length count by their tokens.

References:
    Yoshua Bengio, Rejean Ducharme, Pascal Vincent, Christian Jauvin. A neural probabilistic
    language model. Journal of Machine Learning Research 3, 2003.
    https://www.jmlr.org/papers/v3/bengio03a.html

>>> import torch
>>> objective = LabelTokens(model=nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9)))
>>> batch = torch.tensor([[3, 1, 4, 0]]), torch.tensor([[1, 4, 2, -100]])
>>> next(objective.losses(batch)).weight.tolist()
[[1.0, 1.0, 1.0, 0.0]]
"""

from collections.abc import Iterator

from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.packing import packed_logits, packs
from cartograd.training.regularization import terms

CARD = Card(
    name="label-tokens",
    kind="objective",
    entry="LabelTokens",
    nodes=("loss/cross-entropy", "llm/pretrain"),
    title="Labelling tokens",
    zh="逐词元标注",
    paper="A neural probabilistic language model",
    year=2003,
    url="https://www.jmlr.org/papers/v3/bengio03a.html",
    proofs=(
        "oracle: torch.nn.functional.cross_entropy with ignore_index and label_smoothing, loss and "
        "gradients to 1e-10 in float64",
        "law: accumulated batches of uneven length give the gradient of the full batch, to 1e-12",
        "law: packed, the loss and its gradients are those of rows that are filled up, to 1e-12",
    ),
    evidence={"llm/pretrain": ("acceptance:gpt-shakespeare",)},
    renamed={"smoothing": "label_smoothing"},
)

IGNORED = -100
"""The target of a position that does not count."""


class LabelTokens(nn.Module):
    """Cross-entropy at each position of a sequence.

    Args:
        model: gives logits, `b t k`.
        label_smoothing: share of the target spread evenly over all labels.
        penalty: penalty on the weights in training, e.g. `l2:weight=1e-4`.
        packed: whether texts of a batch are trained on one after the other in one row, each up to
            its last label and without attention to others, in the place of rows that are filled up.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        label_smoothing: float = 0.0,
        penalty: str | None = None,
        packed: bool = False,
    ):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.label_smoothing = label_smoothing
        self.penalty = terms.penalty(penalty)
        self.packed = packed

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each position; in evaluation also the share of right labels.

        Raises:
            UsageError: the model does not give logits for each target, or takes no packed texts.
        """
        *inputs, targets = batch
        if self.packed and self.training and bool((targets != IGNORED).any()):
            logits, targets = _packed(self.model, inputs, targets)
        else:
            logits = self.model(*inputs)
        if logits.shape[:-1] != targets.shape:
            raise UsageError(
                f"label-tokens: logits {tuple(logits.shape)} do not belong to targets "
                f"{tuple(targets.shape)}; expected logits for each position of the targets"
            )
        counted = targets != IGNORED
        loss = cross_entropy(
            logits, targets.where(counted, 0), label_smoothing=self.label_smoothing
        )
        if self.penalty is not None and self.training:
            loss = loss + self.penalty(self.model)
        metrics = {}
        if not self.training:
            metrics["accuracy"] = (logits.argmax(-1) == targets)[counted].to(loss.dtype)
        yield Loss(loss, weight=counted.to(loss.dtype), metrics=metrics)


def _packed(model: nn.Module, inputs: list[Tensor], targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and labels of the positions that count.

    Raises:
        UsageError: the model takes no packed texts.
    """
    reads = packs(model)
    if reads is None or len(inputs) != 1:
        inner = model.model if isinstance(model, Signed) else model
        raise UsageError(
            f"label-tokens:packed=true is for models that read texts packed in a row, "
            f"as llama, decoder and gpt; {type(inner).__name__} does not: leave it out"
        )
    return packed_logits(reads, inputs[0], targets, IGNORED), targets[targets != IGNORED]
