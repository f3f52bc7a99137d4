"""Pairs of texts in two languages as examples of translation.

One vocabulary of pieces serves both languages, learned from the training pairs only. The model gets
the whole source and, shifted right by one, the target: at each position it predicts the next token
from the right ones before it (teacher forcing).

Shapes: source `n s`, ending with the end token; target `n t`, beginning with the begin token;
labels `n t`, ending with the end token, -100 in the padding.
"""

import re
from collections.abc import Sequence
from typing import Any

import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.splits import FEWEST, assign
from cartograd.data.dataset.tensors import assemble
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.dataset.token_rows import text_port
from cartograd.data.text import vocabularies
from cartograd.data.text.vocabularies import BEGIN, END

Pair = tuple[str, str]


def translation(
    name: str,
    pairs: Sequence[Pair],
    /,
    *,
    vocabulary: int,
    context: int,
    valid: float,
    test: float,
    about: dict[str, Any],
    keys: Sequence[str] = (),
) -> Dataset:
    """Examples of pairs; those longer than `context` on a side are left out (and counted).

    Args:
        name: what to call the data.
        pairs: source and target texts; what is not unique is taken once.
        vocabulary: greatest number of pieces.
        context: greatest number of tokens of a text, with its begin or end token.
        valid: share for validation.
        test: share for testing.
        about: where the pairs come from.
        keys: what decides on the split of each pair; by default its source, so that a source with
            several translations is in one split.

    Raises:
        UsageError: there are too few pairs, or none is short enough.
    """
    if len(pairs) < FEWEST:
        raise UsageError(f"{name}: there are {len(pairs)} pairs; expected at least {FEWEST}")
    keys = keys or [source for source, _ in pairs]
    indices = dict(
        zip(("train", "valid", "test"), assign(keys, valid=valid, test=test), strict=True)
    )
    learned = [text for i in indices["train"].tolist() for text in pairs[i]]
    learned_pieces = vocabularies.pieces(learned, vocabulary=vocabulary)
    tokenizer = vocabularies.tidying(vocabularies.ending(learned_pieces))
    sides = [tokenizer.encoded([pair[side] for pair in pairs], special=False) for side in (0, 1)]
    fits = torch.tensor([max(len(s), len(t)) < context for s, t in zip(*sides, strict=True)])
    inputs = text_port(tokenizer, "source", "s"), text_port(tokenizer, "target", "t")
    output = Port("next token", "label", ("t", tokenizer.vocabulary), task="translate")
    signature = Signature(inputs, (output,))
    splits = {
        part: _split(sides, index[fits[index]].tolist(), signature)
        for part, index in indices.items()
    }
    if not len(splits["train"]):
        raise UsageError(f"{name}: no pair has fewer than context={context} tokens; raise it")
    about = about | {"pairs": len(pairs), "left out": int((~fits).sum())}
    about["decided"] = [
        f"the second text of a pair is written from the first: {len(pairs)} different pairs, both "
        f"cut into the same {tokenizer.vocabulary} pieces of words"
    ]
    if about["left out"]:
        told = f"left out, {about['left out']} of {len(pairs)} pairs of more than {context} tokens"
        about["decided"].append(told)
    return assemble(name, splits, standardise=False, about=about, tokenizer=tokenizer)


def _split(sides: list[list[list[int]]], chosen: list[int], signature: Signature) -> Split:
    sources, targets = ([side[i] for i in chosen] for side in sides)
    return Split(
        vocabularies.padded([[*row, END] for row in sources]),
        vocabularies.padded([[*row, END] for row in targets], fill=IGNORED),
        signature,
        [f"pair {i + 1}" for i in chosen],
        others=[vocabularies.padded([[BEGIN, *row] for row in targets])],
    )


def tidy(text: str, /) -> str:
    """Every run of white space as one blank, none at the ends."""
    return re.sub(r"\s+", " ", text).strip()
