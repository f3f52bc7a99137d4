"""The steps to come of series in files, with their times."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.apps.answers.asked import Answer
from cartograd.apps.answers.forecast import Series
from cartograd.apps.results.heard import Heard
from cartograd.core.signed import Signed
from cartograd.data.decode.read import read
from cartograd.data.decode.series_rows import pasts
from cartograd.data.decode.table import Table


def to_come(
    model: Signed,
    ask: Callable[[Tensor], Sequence[Answer]],
    parts: Sequence[tuple[Any, str]],
    heard: Heard,
    /,
) -> Iterator[tuple[str, Answer]]:
    """A forecast after the end of each series.

    Args:
        model: of series.
        ask: answers a batch.
        parts: tables or their paths, or numbers, with their names.
        heard: gets what was decided, and what is refused.
    """
    port = model.signature.input
    for part, name in parts:
        with heard.reading(name):
            if not isinstance(part, str | Path | Table):
                for answer in ask(read(port, part)):
                    yield name, answer
                continue
            for past in pasts(port, part, heard.notes):
                (answer,) = ask(past.x[None])
                if isinstance(answer, Series):
                    answer = replace(answer, times=past.times)
                yield f"{name} {past.name}".strip(), answer
