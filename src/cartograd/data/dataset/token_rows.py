"""Rows of tokens as the parts of a dataset: what the sources of single texts share."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.tensors import assemble
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.vocabularies import PADDING, padded

Parts = Mapping[str, Sequence[int]]
"""Which examples are for training (`train`), validation (`valid`) and test (`test`)."""


def parts(
    keys: Sequence[str],
    classes: Int[Tensor, " n"] | None = None,
    /,
    *,
    valid: float,
    test: float,
) -> dict[str, list[int]]:
    """The examples of each part by a hash of their keys; those with one key stay together."""
    indices = assign(keys, classes, valid=valid, test=test)
    return {
        part: index.tolist()
        for part, index in zip(("train", "valid", "test"), indices, strict=True)
    }


def text_port(tokenizer: Tokenizer, name: str = "text", letter: str = "t", /) -> Port:
    """The port of a padded row of tokens."""
    high = tokenizer.vocabulary - 1
    return Port(name, "text", (letter,), dtype="int64", bounds=(0, high), padding_id=PADDING)


def labelled(
    name: str,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    targets: Shaped[Tensor, " n"],
    chosen: Parts,
    /,
    *,
    output: Port,
    context: int,
    about: dict[str, Any],
    names: Sequence[str] = (),
) -> Dataset:
    """Whole texts with one target each; what goes beyond `context` tokens is cut off."""
    rows = [row[:context] for row in tokenizer.encoded(texts)]
    cut = sum(len(row) == context for row in rows)
    signature = Signature((text_port(tokenizer),), (output,))
    splits = {
        part: Split(
            padded([rows[i] for i in index]),
            targets[torch.tensor(index, dtype=torch.int64)],
            signature,
            [names[i] for i in index] if names else (),
        )
        for part, index in chosen.items()
    }
    about = about | {"cut": cut}
    return assemble(name, splits, standardise=False, about=about, tokenizer=tokenizer)


def aligned(
    name: str,
    tokenizer: Tokenizer,
    examples: Mapping[str, Sequence[tuple[Sequence[int], Sequence[int]]]],
    /,
    *,
    output: Port,
    about: dict[str, Any],
) -> Dataset:
    """Rows of tokens with one target for each of them."""
    signature = Signature((text_port(tokenizer),), (output,))
    splits = {
        part: Split(
            padded([tokens for tokens, _ in pairs]),
            padded([targets for _, targets in pairs], fill=IGNORED),
            signature,
        )
        for part, pairs in examples.items()
    }
    return assemble(name, splits, standardise=False, about=about, tokenizer=tokenizer)
