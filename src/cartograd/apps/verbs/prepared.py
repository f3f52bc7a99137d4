"""Raw inputs as a batch, with a name for each example and a line for each that cannot be read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from cartograd.apps.answers.given import Answer
from cartograd.apps.load.inputs import why_none
from cartograd.apps.results.heard import Heard
from cartograd.apps.verbs.inputs import parts_of
from cartograd.core import arrays
from cartograd.core.arrays import Tensor
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.decode.dress import as_written
from cartograd.data.decode.read import encoded, read
from cartograd.data.decode.table import Table
from cartograd.data.decode.table_rows import encoded_table, table_file
from cartograd.data.text.tokens import alike, padded

TOKENS = 512
"""How many tokens of texts go through a model at once."""

Ask = Callable[[Tensor], Sequence[Answer]]
"""What answers a batch."""


@runtime_checkable
class Taking(Protocol):
    """A model with a signature, and a tokenizer if it reads texts."""

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        ...

    @property
    def tokenizer(self) -> Any:
        """What turns text into its numbers; None if nothing does."""
        ...


def prepared(
    model: Taking, sources: Any, /, heard: Heard | None = None
) -> tuple[Tensor, list[str]]:
    """Raw inputs as a batch of the model's input port, and what to call each example.

    Args:
        model: whose port.
        sources: the inputs.
        heard: gets a line for whatever the model cannot know, and, unless strict, for what cannot
            be read.

    Raises:
        UsageError: a source cannot be read, or does not fit the port; or nothing is left.
    """
    port, heard = model.signature.input, heard or Heard()
    if port.kind == "text" and not isinstance(sources, Tensor | np.ndarray):
        named = parts_of(port, sources, heard)
        given = [part for part, _ in named]
        return read(port, given, tokenizer=model.tokenizer), [name for _, name in named]
    found: list[tuple[Tensor, str]] = []
    for part, name in parts_of(port, sources, heard):
        with heard.reading(name):
            found += _examples(port, part, name, heard)
    if not found:
        raise UsageError(why_none(heard.refused))
    return arrays.stacked([row for row, _ in found]), [name for _, name in found]


def _examples(port: Port, part: Any, name: str, heard: Heard) -> Iterator[tuple[Tensor, str]]:
    """The examples in one part; the rows of a table one by one where some cannot be read."""
    try:
        rows = read(port, part, notes=heard.notes)
    except UsageError:
        if heard.strict or port.kind != "table" or isinstance(part, Mapping):
            raise
        table = part if isinstance(part, Table) else table_file(port, part)
        encoded_table(port, table.select([]), [])  # what is wrong with all rows is said once
        columns, told = as_written(table, port.columns)
        port = replace(port, columns=columns)
        heard.notes.extend(told)
        for row in range(len(table)):
            with heard.reading(f"{name} row {row + 1}"):
                one = encoded_table(port, table.select([row]), heard.notes)
                yield one[0], f"{name} row {row + 1}"
        return
    for number, row in enumerate(rows, start=1):
        yield row, name if len(rows) == 1 else f"{name} row {number}"


def of_texts(model: Taking, ask: Ask, sources: Any, heard: Heard) -> Iterator[tuple[str, Answer]]:
    """Batches of texts of similar length, so that there is little padding."""
    port = model.signature.input
    named = parts_of(port, sources, heard)
    try:
        rows = encoded(port, [part for part, _ in named], model.tokenizer)
        names = [name for _, name in named]
    except UsageError:
        if heard.strict:
            raise
        rows, names = [], []
        for part, name in named:
            with heard.reading(name):
                rows += encoded(port, [part], model.tokenizer)
                names.append(name)
    found: dict[int, Answer] = {}
    for group in alike(list(map(len, rows)), tokens=TOKENS, padded=port.padding_id is not None):
        batch = padded([rows[i] for i in group], port.padding_id)
        found |= zip(group, ask(batch), strict=True)
    for number, name in enumerate(names):
        yield name, found[number]
