"""Columns of free text beside numbers and categories: by which code their cells become features.

Hashed n-grams (`hashed_text`) need nothing; sentence vectors of MiniLM need the published weights,
wherever the model is used. An empty cell is all zeros in either case.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cartograd.core.column import Column
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec
from cartograd.data.decode.hashed_text import BUCKETS, hashed
from cartograd.data.text.tokens import alike, padded

WAYS = ("hash", "minilm", "leave")
"""What may be done with a column of free text."""

MINILM = 384
"""Features of a sentence vector."""

TOKENS = 512
"""Tokens that go through the encoder at once."""


def text_column(name: str, way: str, marks: Sequence[str] = (), /) -> Column | None:
    """How a column of free text is encoded; None where it is to be left out.

    >>> text_column("comment", "hash:buckets=64").width, text_column("comment", "leave")
    (64, None)

    Args:
        name: of the column.
        way: `hash`, with the number of `buckets` behind it, `minilm` or `leave`.
        marks: further cells that stand for 'not known'.

    Raises:
        UsageError: it is none of these.
    """
    spec = Spec.parse(way)
    if spec.name not in WAYS:
        raise unknown("way to take free text", spec.name, WAYS)
    buckets = spec.args.get("buckets", BUCKETS)
    strange = sorted(set(spec.args) - ({"buckets"} if spec.name == "hash" else set()))
    if strange or spec.subject or type(buckets) is not int or not 1 <= buckets <= 2**16:
        raise UsageError(
            f"text_columns={way}; expected hash:buckets=N with N from 1 to {2**16}, minilm or leave"
        )
    features = {"hash": buckets, "minilm": MINILM, "leave": 0}[spec.name]
    return (
        Column(name, encoder=spec.name, features=features, missing=tuple(marks))
        if features
        else None
    )


def encoded_text(cells: Sequence[str], encoder: str, features: int, /) -> Float[np.ndarray, "n d"]:
    """The features of each cell.

    Args:
        cells: texts; empty ones become zeros.
        encoder: `hash` or `minilm`.
        features: how many.

    Raises:
        UsageError: MiniLM's weights have not been fetched.
    """
    if encoder == "hash":
        return hashed(cells, features)
    once = [text for text in dict.fromkeys(cells) if text]
    vectors = np.zeros((len(once) + 1, features), np.float32)  # the last is that of no text
    vectors[:-1] = _meanings(once)
    place = {text: row for row, text in enumerate(once)} | {"": len(once)}
    return vectors[[place[text] for text in cells]]


def _meanings(texts: Sequence[str]) -> Float[np.ndarray, "n d"]:
    """The sentence vectors of texts, those of like length together."""
    from cartograd.core.build import build
    from cartograd.core.eval_mode import inferring

    model = build("minilm", kind="weights")()
    rows = model.tokenizer.encoded(texts)
    found = np.zeros((len(rows), MINILM), np.float32)
    with inferring(model):
        for group in alike([len(row) for row in rows], tokens=TOKENS):
            found[group] = model(padded([rows[i] for i in group], model.tokenizer.padding)).numpy()
    return found
