"""Facts of examples: named columns with a number or a word for each.

The columns of a table; size, brightness and contrast of a picture; loudness of a sound; length of a
text. So leaks, drift and spikes are looked for in all kinds of data by the same code.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cartograd.core.column import Column
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.decode.encode import moments, numbers
from cartograd.data.decode.images import header
from cartograd.data.decode.numeric import marked
from cartograd.data.decode.survey import tried
from cartograd.data.decode.table import Table

Facts = dict[str, np.ndarray]
"""Numbers (NaN where missing), or words (None where missing), by name."""


def of_texts(texts: Sequence[str], /) -> Facts:
    """How long texts are."""
    counts = {
        "letters": [len(text) for text in texts],
        "words": [len(text.split()) for text in texts],
    }
    return {name: np.array(values, dtype=float) for name, values in counts.items()}


def of_table(table: Table, columns: Sequence[Column], /) -> Facts:
    """The columns that are learned from: numbers, days since 1970, or categories."""
    return {column.name: of_column(table, column) for column in columns}


def of_column(table: Table, column: Column, /) -> np.ndarray:
    """The cells of a column: numbers, days since 1970, or words; NaN or None where missing.

    Of free text it is how many letters there are.
    """
    cells = table.column(column.name)
    if column.encoder:
        return np.array([len(cell) or np.nan for cell in cells])
    if column.categories is not None:
        gaps = [not cell or marked(cell, column.missing) for cell in cells]
        return np.array(
            [None if gap else cell for gap, cell in zip(gaps, cells, strict=True)], dtype=object
        )
    if column.dates:
        found = moments(table, column.name, column.dates, column.missing)
        return np.array([np.nan if one is None else one.days for one in found])
    how: Mapping[str, Any] = {"decimal": column.decimal, "marks": column.missing}
    return numbers(cells, column.name, table, **how)


def of_files(data: Dataset, names: Sequence[str], /) -> Facts:
    """Of pictures in files: their size as they are there.

    Args:
        data: whose examples they are.
        names: of the examples.
    """
    root = Path(str(data.about.get("source", "")))
    if data.name not in ("folder", "captions") or not root.is_dir():
        return {}
    found = [tried(header, root / name) if (root / name).is_file() else "" for name in names]
    sizes = [(np.nan, np.nan) if isinstance(one, str) else one.size for one in found]
    width, height = np.array(sizes, dtype=float).reshape(-1, 2).T
    return {"width": width, "height": height}
