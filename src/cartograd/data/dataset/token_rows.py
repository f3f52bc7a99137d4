"""Rows of tokens as the parts of a dataset: what the sources of single texts share."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.chat_rows import has_chats, reread
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.preference_rows import has_pairs, reread_pairs
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.tensors import assemble
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.decode.table import Table
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import separator
from cartograd.data.text.vocabularies import PADDING, padded

PAIR = "pair"
"""What the input of two texts in a row is called."""

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


def whole_port(tokenizer: Tokenizer, names: tuple[str, ...], /) -> Port:
    """The port of whole texts, or of pairs of them where there are two names."""
    if len(names) == 1:
        return text_port(tokenizer, names[0])
    return replace(text_port(tokenizer, PAIR), pair=names, separator_id=separator(tokenizer))


def written_in(table: Table, /) -> list[str] | list[tuple[str, str]]:
    """The texts of a table of one column, or the pairs of one of two."""
    if len(table.header) == 1:
        return table.column(table.header[0])
    return [(first, second) for first, second in table.rows]


def _rows(tokenizer: Tokenizer, table: Table) -> list[list[int]]:
    """The tokens of each text or pair; none where nothing, or one of two texts, is written."""
    found = zip(table.rows, tokenizer.encoded(written_in(table)), strict=True)
    return [row if len(texts) == 1 or all(texts) else [] for texts, row in found]


def labelled(
    name: str,
    tokenizer: Tokenizer,
    table: Table,
    targets: Shaped[Tensor, "n ..."],
    chosen: Parts,
    /,
    *,
    output: Port,
    about: dict[str, Any],
    names: Sequence[str] = (),
    unit: str = "tokens",
) -> Dataset:
    """Whole texts with one target each; what goes beyond the tokenizer's `longest` is cut off.

    Args:
        name: what to call the data.
        tokenizer: cuts the texts, here and wherever the model reads one.
        table: the texts, in one column (its name is that of the input), or pairs, in two; they are
            kept.
        targets: of all texts.
        chosen: which are for what; texts without a token are in no part.
        output: what the targets are.
        about: where the texts come from; `decided` gets a line on them.
        names: of the texts; by default the lines of the table.
        unit: what the tokens are.
    """
    names = names or [f"{table.unit} {line}" for line in table.lines]
    rows = _rows(tokenizer, table)
    port = whole_port(tokenizer, table.header)
    signature = Signature((port,), (output,))
    splits = {
        part: Split(
            padded([rows[i] for i in index]),
            targets[torch.tensor(index, dtype=torch.int64)],
            signature,
            [names[i] for i in index],
            table=table.select(index),
        )
        for part, whole in chosen.items()
        for index in ([i for i in whole if rows[i]],)
    }
    read = [rows[i] for whole in chosen.values() for i in whole]
    said = _told(port, tokenizer, read, unit)
    longest = tokenizer.longest
    about = about | {"cut": sum(len(row) == longest for row in rows)}
    about |= {"decided": [*about.get("decided", ()), said]}
    return assemble(
        name, splits, standardise=signature.target == "value", about=about, tokenizer=tokenizer
    )


def respelt(
    data: Dataset, tokenizer: Tokenizer, port: Port, /, *, longest: int | None = None
) -> Dataset:
    """The same texts as the tokens of a model that is there.

    Args:
        data: whose texts were kept (see `labelled`).
        tokenizer: the model's.
        port: its input.
        longest: the most tokens of a chat that it can see; other texts are cut by the tokenizer.

    Raises:
        UsageError: the texts were not kept, or the tokenizer does not fit the port.
    """
    if has_chats(data):
        return reread(data, tokenizer, port, longest=longest)
    if has_pairs(data):
        return reread_pairs(data, tokenizer, port, longest=longest)
    if data.tokenizer == tokenizer:
        return data
    tokenizer.check(port)
    signature, encoded = replace(data.signature, inputs=(port,)), list[list[int]]()

    def anew(split: Examples) -> Split:
        table = split.table if isinstance(split, Split) else None
        if table is None:
            raise UsageError(
                f"{data.name} was cut into other tokens than the model knows, and its texts were "
                "not kept; give texts with labels (a table, or folders of .txt)"
            )
        rows = _rows(tokenizer, table)
        encoded.extend(rows)
        some = [i for i, row in enumerate(rows) if row]
        kept = split.select(some)
        stored = padded([rows[i] for i in some], fill=tokenizer.padding or 0)
        return Split(stored, kept.targets, signature, kept.names, table=kept.table)

    parts = {part: anew(getattr(data, part)) for part in ("train", "valid", "test")}
    said = _told(port, tokenizer, encoded, "tokens of the model")
    about = data.about | {"decided": [*data.about.get("decided", ())[:-1], said]}
    return replace(data, **parts, signature=signature, tokenizer=tokenizer, about=about)


def _told(port: Port, tokenizer: Tokenizer, rows: Sequence[Sequence[int]], unit: str) -> str:
    """A line on the texts: how many, of which tokens, cut off where, and what says nothing."""
    what, one, lacks = (
        ("pairs", "both", "one text") if port.pair else ("texts", "a text", "a token")
    )
    parts = [f"{port.name}: {len(rows)} {what}, cut into {tokenizer.vocabulary} different {unit}"]
    strange = sum(token == tokenizer.unknown for row in rows for token in row)
    if strange:
        share = strange / sum(map(len, rows))
        parts.append(f"{100 * share:.1f} % of what the texts hold is unknown among them")
    if tokenizer.longest is not None:
        long = sum(len(row) == tokenizer.longest for row in rows)
        parts.append(f"at most {tokenizer.longest} of {one}, which {long} reach")
    unread = sum(not row for row in rows)
    return ", ".join(parts) + (f"; {unread} {what} without {lacks} are left out" if unread else "")


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
