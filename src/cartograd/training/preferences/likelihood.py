"""What a language model thinks of answers, and what it thought before it learned."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.training.adapters.beside import changes, unchanged
from cartograd.training.objectives.label_tokens import IGNORED
from cartograd.training.packing import in_pairs, packed_answers, packed_logits, packs


class Reference:
    """A model as it was: a frozen copy, or the model itself without the adapter that learns.

    Args:
        model: has not begun to learn.
    """

    def __init__(self, model: nn.Module, /):
        self.beside = any(True for _ in changes(model))
        self.copy = None if self.beside else copy.deepcopy(model).requires_grad_(False).eval()

    @contextmanager
    def of(self, model: nn.Module, /) -> Iterator[nn.Module]:
        """What answers as the model did, in evaluation mode and without gradients."""
        if self.copy is not None:
            with torch.no_grad():
                yield self.copy
            return
        with torch.no_grad(), evaluating(model), unchanged(model):
            yield model

    def move(self, fn: Callable[[Tensor], Tensor], /) -> None:
        """Move or cast the copy as the model was."""
        if self.copy is not None:
            self.copy._apply(fn)


def answers_of(
    model: nn.Module,
    tokens: Int[Tensor, "b t"],
    labels: Int[Tensor, "b t"],
    whose: str,
    /,
    *,
    paired: bool = False,
) -> tuple[Float[Tensor, " b"], Float[Tensor, "n v"]]:
    """The log-probability of each row's answer, and log-probabilities at each of its positions.

    A model that can reads the rows one after the other in one, without what fills them up, and a
    prompt that both answers of a pair have once.

    Args:
        model: gives logits, `b t v`, those at t for the label at t.
        tokens: what it reads.
        labels: the answers; -100 where there is none.
        whose: for an error.
        paired: whether the second half of the rows are other answers to the prompts of the first.

    Returns:
        The sums by row, and of all `n` labelled positions, row by row, those of every token.

    Raises:
        UsageError: the model does not give logits for each label.
    """
    counted, reads = labels != IGNORED, packs(model)
    if reads is None or not bool(counted.any()):
        logits = _all(model, tokens, labels, whose)[counted]
    elif paired:
        groups = in_pairs(tokens, labels, IGNORED)
        logits = reads.logits(packed_answers(reads, tokens, labels, IGNORED, groups))
    else:
        logits = packed_logits(reads, tokens, labels, IGNORED)
    wide = torch.promote_types(logits.dtype, torch.float32)
    every = torch.log_softmax(logits, -1, dtype=wide)
    own = every.gather(1, labels[counted][:, None])[:, 0]
    return own.new_zeros(labels.shape).masked_scatter(counted, own).sum(1), every


def _all(model: nn.Module, tokens: Tensor, labels: Tensor, whose: str) -> Tensor:
    logits = model(tokens)
    if logits.shape[:-1] != labels.shape:
        raise UsageError(
            f"{whose}: logits {tuple(logits.shape)} do not belong to labels {tuple(labels.shape)}; "
            "expected a language model's, for each position of the answers"
        )
    return logits


def side_by_side(
    first: Int[Tensor, "b t1"], second: Int[Tensor, "b t2"], fill: int, /
) -> Int[Tensor, "b2 t"]:
    """Rows of two tensors below each other, filled up at the right.

    >>> side_by_side(torch.tensor([[1, 2]]), torch.tensor([[3]]), 0).tolist()
    [[1, 2], [3, 0]]
    """
    width = max(first.shape[1], second.shape[1])
    rows = [
        nn.functional.pad(one, (0, width - one.shape[1]), value=fill) for one in (first, second)
    ]
    return torch.cat(rows)
