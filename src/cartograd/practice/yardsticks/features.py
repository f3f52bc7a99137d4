"""Examples as columns of numbers, as simple as an estimator without layers needs them.

Tables give their own columns, a category as one column of its number and a missing cell as NaN;
texts the weights of their words and of pieces of words (TF-IDF; of single characters where words
are not parted by blanks, as in Chinese); pictures and sounds their coarse look: pixels averaged to
a small grid, the mean and spread of each band of a log-mel spectrogram.

References:
    Gerard Salton, Christopher Buckley. Term-weighting approaches in automatic text retrieval. 1988.
    https://doi.org/10.1016/0306-4573(88)90021-0
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cartograd.architectures.speech.mel import filters
from cartograd.core.column import Column
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split

GRID = 16
"""Pictures are averaged to at most so many pixels a side."""

BANDS = 40
"""Of the mel scale."""

WORDS = 30_000
"""Most words, and most pieces of words, that count."""

CATEGORIES = 250
"""A column of more categories is taken as numbers: as many as gradient boosting tells apart."""

Rows = Callable[[Split], Any]
"""From examples to a matrix, dense or sparse, of a row for each."""


@dataclass(frozen=True)
class Features:
    """How examples become columns.

    Attributes:
        name: what they are, for a sentence.
        rows: makes them, of examples of any part.
        categories: columns whose numbers are names.
        table: whether they are columns of a table, which trees cut better than lines do.
    """

    name: str
    rows: Rows
    categories: tuple[int, ...] = ()
    table: bool = False


def features(signature: Signature, train: Split, /, *, tokenizer: Any = None) -> Features | None:
    """The columns that fit the inputs, learned from the training examples; None if none do.

    Args:
        signature: of the examples; where there are several inputs all of them have to fit.
        train: examples for training.
        tokenizer: what turned text into the numbers of the inputs.
    """
    kinds = {port.kind for port in signature.inputs}
    if kinds in ({"table"}, {"vector"}) and len(signature.inputs) == 1:
        port = signature.input
        _, categories = cells(train.inputs[:0], port.columns)
        return Features(
            "its columns", lambda part: cells(part.inputs, port.columns)[0], categories, table=True
        )
    if kinds == {"text"}:
        return _of_texts(signature, train, tokenizer)
    if kinds == {"image"} and len(signature.inputs) == 1:
        return Features("pixels", lambda part: pixels(part.inputs))
    if kinds == {"audio"} and len(signature.inputs) == 1:
        rate = signature.input.rate or 16_000
        return Features("its spectrum", lambda part: spectrum(part.inputs, rate))
    return None


def cells(inputs: Tensor, columns: Sequence[Column], /) -> tuple[np.ndarray, tuple[int, ...]]:
    """Encoded rows as columns again, NaN where a cell is missing; and which hold categories.

    Args:
        inputs: features, as a table's rows become them.
        columns: by which they were encoded; without them each feature is a number.

    >>> found = cells(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), (Column("town", ("A", "B")),))
    >>> found[0].tolist(), found[1]
    ([[1.0], [nan]], (0,))
    """
    rows = inputs.flatten(1).double().numpy()
    made: list[np.ndarray] = []
    categories: list[int] = []
    begin = 0
    for column in columns:
        own = rows[:, begin : begin + column.width]
        begin += column.width
        if column.categories is not None:
            known = own[:, 0] < len(column.categories) if column.numbered else own.any(1)
            number = own.argmax(1) if own.shape[1] else np.zeros(len(own))
            number = own[:, 0] if column.numbered else number
            if len(column.categories) <= CATEGORIES:
                categories.append(sum(part.shape[1] for part in made))
            made.append(np.where(known, number, np.nan)[:, None])
            continue
        if column.indicator:
            own = np.where(own[:, -1:] > 0, np.nan, own[:, :-1])
        made.append(own)
    made.append(rows[:, begin:])
    return np.concatenate(made, axis=1), tuple(categories)


def pixels(inputs: Tensor, /) -> np.ndarray:
    """Pictures, averaged to at most `GRID` pixels a side."""
    height, width = (min(GRID, side) for side in inputs.shape[-2:])
    return F.adaptive_avg_pool2d(inputs.float(), (height, width)).flatten(1).double().numpy()


def spectrum(inputs: Tensor, rate: int, /) -> np.ndarray:
    """The mean and the spread over time of each band of sounds' log-mel spectrograms."""
    sounds = inputs.float().flatten(1)
    size = max(64, rate // 40)
    sounds = F.pad(sounds, (0, max(0, size - sounds.shape[1])))
    found = torch.stft(
        sounds, size, size // 2, window=torch.hann_window(size), center=False, return_complex=True
    )
    power = found.abs().square().double()
    bands = torch.einsum("bkt,km->bmt", power, filters(BANDS, size, rate=rate))
    logs = bands.clamp_min(1e-10).log()
    return torch.cat([logs.mean(-1), logs.std(-1, correction=0)], 1).numpy()


def texts(part: Split, number: int, port: Port, tokenizer: Any, /) -> list[str]:
    """The texts of an input: as they were kept, or from their tokens."""
    if part.table is not None and number == 0 and port.name in part.table.header:
        return part.table.column(port.name)
    rows = part.arguments[number]
    if tokenizer is None:
        return [" ".join(map(str, row)) for row in rows.tolist()]
    kept = [[token for token in row if token != port.padding_id] for row in rows.tolist()]
    return [tokenizer.decode(row) for row in kept]


def _of_texts(signature: Signature, train: Split, tokenizer: Any) -> Features:
    from scipy.sparse import hstack

    makers = []
    for number, port in enumerate(signature.inputs):
        learned = texts(train, number, port, tokenizer)
        makers += [(number, port, one) for one in _weights(learned)]

    def rows(part: Split) -> Any:
        given = {n: texts(part, n, port, tokenizer) for n, port in enumerate(signature.inputs)}
        return hstack([one.transform(given[number]) for number, _, one in makers]).tocsr()

    return Features("TF-IDF of its words", rows)


def _weights(learned: Sequence[str]) -> list[Any]:
    """What weighs words and pieces of words, learned from texts; single characters of Chinese."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    least = 2 if len(learned) >= 200 else 1
    unparted = sum(text.count(" ") for text in learned) < sum(map(len, learned)) / 20
    kinds = [("char", (1, 2))] if unparted else [("word", (1, 2)), ("char_wb", (2, 4))]
    made = []
    for kind, sizes in kinds:
        given: dict[str, Any] = {"token_pattern": r"(?u)\b\w+\b"} if kind == "word" else {}
        one = TfidfVectorizer(
            analyzer=kind, ngram_range=sizes, min_df=least, max_features=WORDS, sublinear_tf=True,
            **given,
        )  # fmt: skip
        try:
            made.append(one.fit(learned))
        except ValueError:  # no word is there often enough
            made.append(one.set_params(analyzer="char", ngram_range=(1, 1), min_df=1).fit(learned))
    return made
