"""Prompts: texts that say what examples are to be, as the tokens that a model reads."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.apps.load.target import name_of
from cartograd.core.errors import UsageError, nearest
from cartograd.core.signed import Signed
from cartograd.data.dataset.own_targets import prompt_of
from cartograd.data.text.tokenizer import Tokenizer


def prompts_of(model: Signed, said: Any, count: int, /) -> Int[Tensor, "b t"]:
    """The tokens of the text of each example.

    Args:
        model: with a text port beside its noise.
        said: the text of all, or of each; the empty one if left out.
        count: examples.

    Raises:
        UsageError: a text is too long or says nothing, has a word that was never seen, or there
            are not as many texts as examples.
    """
    port, tokenizer = prompt_of(model.signature), model.tokenizer
    if port is None or tokenizer is None:
        raise UsageError(f"{name_of(model)} reads no texts; leave out the prompt")
    length = int(port.dims[0])
    if said is None:
        return torch.tensor([_row("", tokenizer, length)] * count, dtype=torch.int64)
    texts = [said] * count if isinstance(said, str | int) else list(said)
    if len(texts) != count:
        raise UsageError(f"{len(texts)} texts for {count} examples; expected one for each")
    rows = {text: _said(str(text), tokenizer, length) for text in dict.fromkeys(texts)}
    return torch.tensor([rows[text] for text in texts], dtype=torch.int64)


def _said(text: str, tokenizer: Tokenizer, length: int) -> list[int]:
    """The tokens of a text: the empty one asks for nothing, any other has to say something."""
    row = _row(text, tokenizer, length)
    if text and row == _row("", tokenizer, length):
        raise UsageError(
            f"the prompt {text!r:.60} says nothing to the model; say what the examples are to be, "
            "or leave it out to draw any"
        )
    return row


def _row(text: str, tokenizer: Tokenizer, length: int) -> list[int]:
    row = tokenizer.encode(text)
    if len(row) > length:
        raise UsageError(
            f"the prompt {text!r:.60} has {len(row)} tokens, and the model reads {length}; "
            "shorten it"
        )
    _check_known(text, row, tokenizer)
    padding = tokenizer.padding
    if padding is None and len(row) < length:
        raise UsageError(
            f"the prompt {text!r:.60} has {len(row)} tokens; the model reads {length} and has none "
            "for padding"
        )
    return [*row, *[padding or 0] * (length - len(row))]


def _check_known(text: str, row: Sequence[int], tokenizer: Tokenizer) -> None:
    """Refuse words that the vocabulary never saw.

    Raises:
        UsageError: which, and the nearest that it knows.
    """
    if tokenizer.unknown in (None, tokenizer.end, tokenizer.padding):
        return
    if tokenizer.unknown not in row:
        return
    start, stop = tokenizer.spans(text)[list(row).index(tokenizer.unknown)]
    word = text[start:stop]
    known = [tokenizer.token(number) for number in range(tokenizer.vocabulary)]
    near = nearest(word, [token for token in known if token.isalpha()])
    hint = f"; did you mean {near!r}?" if near else "; expected words of its captions"
    raise UsageError(f"the model has never read the word {word!r}{hint}")
