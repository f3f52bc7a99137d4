"""Answers that a policy draws to prompts, so that it can be told how good they were.

Prompts are what stands before the first label of each row of a batch. Each answer is drawn by a
random generator of its own, a function of the step's seed, the prompt and the answer's number: it
does not depend on what else is in the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from cartograd.architectures.decoding.generate import generate, left_padded
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.hashing import mixed
from cartograd.core.protocols import Writer
from cartograd.core.signed import Signed
from cartograd.training.objectives.label_tokens import IGNORED


@dataclass(frozen=True)
class Drawn:
    """Answers and their prompts; those to one prompt stand one after another.

    Attributes:
        tokens: prompt and answer without its last token, filled up at the right.
        labels: the next token where it is the answer's, else -100.
        prompts, answers: as texts; numbers with spaces where there is no tokenizer.
        each: answers to a prompt.
    """

    tokens: Int[Tensor, "n t"]
    labels: Int[Tensor, "n t"]
    prompts: list[str]
    answers: list[str]
    each: int

    @property
    def mask(self) -> Bool[Tensor, "n t"]:
        """Where an answer's tokens are drawn."""
        return self.labels != IGNORED


def prompts_of(batch: Sequence[Tensor], /) -> list[list[int]]:
    """What stands before the first label of each row.

    >>> prompts_of((torch.tensor([[5, 6, 7]]), torch.tensor([[-100, 7, 8]])))
    [[5, 6]]

    Raises:
        UsageError: a row has no label, or is none of tokens.
    """
    tokens, labels = batch[0], batch[-1]
    labels = labels[:, 0] if labels.ndim == 3 else labels
    if tokens.is_floating_point() or tokens.ndim != 2 or labels.ndim != 2:
        raise UsageError(
            "expected rows of tokens with labels for those of the answers, such as chats: or "
            "preferences: give"
        )
    counted = labels != IGNORED
    if not bool(counted.any(1).all()):
        raise UsageError("an example has no answer, so that nothing tells where its prompt ends")
    ends = counted.int().argmax(1).tolist()
    return [row[: end + 1].tolist() for row, end in zip(tokens, ends, strict=True)]


@torch.no_grad()
def drawn(
    model: nn.Module,
    prompts: Sequence[Sequence[int]],
    /,
    *,
    generations: int,
    length: int,
    seed: int,
) -> Drawn:
    """So many answers to each prompt.

    Args:
        model: a language model that can write; its tokenizer says what ends an answer.
        prompts: in tokens.
        generations: answers to each.
        length: the most tokens of an answer.
        seed: of the step.

    Raises:
        UsageError: the model cannot write, or not so much.
    """
    inner = model.model if isinstance(model, Signed) else model
    if not isinstance(inner, Writer):
        raise UsageError(
            f"{type(inner).__name__} does not write; expected a language model such as llama or gpt"
        )
    if isinstance(model, Signed) and model.signature.task.generated == "answer":
        raise UsageError(
            f"{type(inner).__name__} answers sources, and here a prompt is gone on from; expected "
            "a language model such as llama or gpt"
        )
    tokenizer = model.tokenizer if isinstance(model, Signed) else None
    rows = [list(prompt) for prompt in prompts for _ in range(generations)]
    given, starts = left_padded(prompts)
    device = next(inner.parameters()).device
    given, starts = given.to(device), starts.to(device)
    decode: Any = inner.decoder
    # Autocast would round all weights anew for each token, which takes longer than it saves.
    with evaluating(inner), torch.autocast(device.type, enabled=False):
        decoder = decode(len(prompts), given.shape[1] + length, starts=starts)
        written = generate(
            decoder, given, starts, _generators(rows, generations, seed), length=length,
            stop=_stops(tokenizer), count=generations,
        )  # fmt: skip
    whole = [row + answer for row, answer in zip(rows, written, strict=True)]
    labels = [
        [IGNORED] * (len(row) - 1) + answer for row, answer in zip(rows, written, strict=True)
    ]
    return Drawn(
        _padded([row[:-1] for row in whole], 0, device),
        _padded(labels, IGNORED, device),
        [_text(row, tokenizer) for row in rows],
        [_text(answer, tokenizer) for answer in written],
        generations,
    )


def _stops(tokenizer: Any) -> set[int]:
    """The token that ends an answer, if there is one."""
    return set() if tokenizer is None or tokenizer.end is None else {tokenizer.end}


def _generators(rows: list[list[int]], generations: int, seed: int) -> list[torch.Generator]:
    """One for each answer; the same prompt twice in a batch is answered in other words."""
    seen: dict[tuple[int, ...], int] = {}
    found = []
    for place, row in enumerate(rows):
        key = tuple(row)
        if place % generations == 0:
            seen[key] = seen.get(key, -1) + 1
        own = mixed(seed % 2**62, *row, seen[key], place % generations)
        found.append(torch.Generator().manual_seed(own))
    return found


def _padded(rows: list[list[int]], fill: int, device: torch.device) -> Tensor:
    tensors = [torch.tensor(row, dtype=torch.int64) for row in rows]
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(tensors, batch_first=True, padding_value=fill).to(device)


def _text(tokens: list[int], tokenizer: Any) -> str:
    return " ".join(map(str, tokens)) if tokenizer is None else tokenizer.decode(tokens)
