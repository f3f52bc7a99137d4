"""Whether a model that learned from other data can begin on these, and what of it is new."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.ports import Column, Port, Signature
from cartograd.core.signed import Signed


def check_alike(word: str | Path, source: Signed, data: Signature, tokenizer: Any, /) -> None:
    """Refuse data whose inputs mean something else than those that a model knows.

    Args:
        word: what the training begins with, as it was named.
        source: the model.
        data: the signature of the data.
        tokenizer: of the data, if it is text.

    Raises:
        UsageError: what differs, and how to mend it.
    """
    ours, theirs = data.example, source.signature.example
    if ours.kind != theirs.kind:
        raise UsageError(
            f"{word} takes {theirs.kind} of {theirs.dims}, and the data has {ours.kind} of "
            f"{ours.dims}; begin with a model of {ours.kind}, or from nothing"
        )
    if ours.kind == "image" and ours.dims[0] != theirs.dims[0]:
        raise UsageError(
            f"{word} takes image of {theirs.dims}, and the data has image of {ours.dims}; a folder "
            f"of pictures can be read with channels={theirs.dims[0]}: --data folder:DIR,"
            f"channels={theirs.dims[0]}"
        )
    _check_columns(word, theirs.columns, ours.columns)
    known = source.tokenizer
    if known is None or tokenizer is None:
        return
    more = {"longest": tokenizer.longest, "chat": tokenizer.template}  # these may differ
    if known.told(**more) != tokenizer:
        raise UsageError(
            f"{word} knows a vocabulary of {known.vocabulary} tokens, and the data has another one "
            f"of {tokenizer.vocabulary}; take text of the same source, or train from nothing"
        )


def _check_columns(
    word: str | Path, theirs: tuple[Column, ...], ours: tuple[Column, ...], /
) -> None:
    known, found = ([column.name for column in columns] for columns in (theirs, ours))
    if not known or sorted(known) == sorted(found):
        return
    lacks = [name for name in known if name not in found]
    more = [name for name in found if name not in known]
    parts = [f"lacks {_listed(lacks)}"] if lacks else []
    parts += [f"has {_listed(more)} besides"] if more else []
    raise UsageError(
        f"{word} knows the columns {_listed(known)}, and the table {' and '.join(parts)}; bring it "
        "to these columns, or train from nothing"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def check_size(word: str | Path, made: nn.Module, ours: Port, theirs: Port, /) -> None:
    """Refuse pictures of a size that a network cannot take; most convolutions take any.

    Raises:
        UsageError: it cannot, with the size that it takes.
    """
    dims = [dim for dim in ours.dims if isinstance(dim, int)]
    sized = ours.kind == "image" and len(dims) == len(ours.dims)
    weight = next(made.parameters(), None)
    if not sized or ours.dims == theirs.dims or weight is None or weight.is_meta:
        return
    try:
        with evaluating(made), torch.no_grad():
            made(torch.zeros(1, *dims, dtype=weight.dtype, device=weight.device))
    except (RuntimeError, ValueError) as error:
        height, width = theirs.dims[1:]
        raise UsageError(
            f"{word} takes pictures of {height}x{width} alone, and the data has {ours.dims[1]}x"
            f"{ours.dims[2]}; a folder of pictures can be read with size={height}: --data "
            f"folder:DIR,size={height}"
        ) from error


ANSWERED = {
    "class": "it answered with a class", "classes": "it answered with any number of labels",
    "value": "it answered with a value", "boxes": "it answered with boxes",
    "example": "it answered with examples", "whole": "it answered with pictures",
    "reward": "it gave a reward", "embed": "it answered with vectors",
}  # fmt: skip
"""What a model gave, by its target, or where it has none by its task."""


def _answered(source: Signature) -> str:
    if source.task.generated:
        return "it wrote texts"
    name = source.target or source.task.name
    return ANSWERED.get(name, f"its task was {name}")


def new_head(source: Signature, data: Signature, /) -> str:
    """Why the last layer has to be learned anew, where its shape alone does not say so."""
    ours, theirs = data.output, source.output
    if data.target != source.target:
        return _answered(source)
    if ours.labels and theirs.labels and ours.labels != theirs.labels:
        return f"its classes were {_listed(list(theirs.labels))}"
    if ours.dims != theirs.dims:
        return f"it gave {theirs.dims[-1]} numbers"
    return ""
