"""Texts with a label, or a value, each: from their files to a dataset of tokens.

The vocabulary is learned from the training texts; a model that is there brings its own
(`token_rows.respelt`).
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.token_rows import Parts, labelled
from cartograd.data.decode.table import Table
from cartograd.data.text import vocabularies
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.vocabularies import pairing

LEAST = 2
"""A word or character seen less often in training is unknown."""


def labelled_texts(
    name: str,
    table: Table,
    targets: Tensor,
    output: Port,
    /,
    *,
    tokenize: str,
    vocabulary: int,
    context: int,
    about: dict[str, Any],
    chosen: Parts,
    names: Sequence[str] = (),
) -> Dataset:
    """Texts, each with a target.

    Args:
        name: what to call the data.
        table: the texts, in one column, or pairs of texts, in two.
        targets: int64 classes of shape `n`, or float32 values of shape `n 1`.
        output: what the targets are.
        tokenize: `words` (in lower case, with marks and Chinese characters by themselves), `pieces`
            (of words) or `characters`.
        vocabulary: greatest number of different tokens.
        context: greatest number of tokens of a text; the rest is cut off.
        about: where the texts come from.
        chosen: the texts of each part.
        names: of the texts.

    Raises:
        UsageError: no text is left for training, or all are empty.
    """
    learned = [text for i in chosen["train"] for text in table.rows[i]]
    if not any(text.strip() for text in learned):
        raise UsageError(f"{table.source}: every text for training is empty; expected words")
    tokenizer = _learned(learned, tokenize, vocabulary).told(longest=context)
    tokenizer = pairing(tokenizer) if len(table.header) > 1 else tokenizer
    names_of = " and ".join(map(repr, table.header))
    said = f"{output.name} is learned from {'pairs of' if len(table.header) > 1 else 'the'} texts "
    said += f"of {names_of}"
    about = about | {"decided": [*about.get("decided", ()), said]}
    return labelled(
        name,
        tokenizer,
        table,
        targets,
        chosen,
        output=output,
        about=about,
        names=names,
        unit=tokenize,
    )


def _learned(texts: Sequence[str], tokenize: str, vocabulary: int) -> Tokenizer:
    if tokenize == "pieces":
        return vocabularies.pieces(texts, vocabulary=vocabulary)
    make = vocabularies.characters if tokenize == "characters" else vocabularies.lower_words
    return make(texts, vocabulary=vocabulary, least=LEAST)
