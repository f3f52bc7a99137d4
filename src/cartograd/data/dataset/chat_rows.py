"""Chats as rows of tokens, of which those of the answers are learned.

At each position the target is the next token where the model itself has to say it (an answer with
the token that ends it, or any token of a plain document), and -100 elsewhere. What comes after the
last answer is left away; what goes beyond the context is cut off and counted.

Chats are kept as they were read, so that a model which is there writes them by its own template and
cuts them into its own tokens (`reread`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.tensors import assemble
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.decode.chats import ANSWERS, Talk
from cartograd.data.decode.table import Table
from cartograd.data.text.taught import taught
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.vocabularies import padded

HEADER = ("chat",)
"""The column that keeps each chat, as JSON."""

PLAIN = (
    "{% for message in messages %}{{ message.role | capitalize }}: {{ message.content }}"
    "{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""How chats are written where a model knows no template; its token for the end ends each turn."""


@dataclass(frozen=True)
class Row:
    """A chat in tokens.

    Attributes:
        inputs: what the model reads.
        targets: the next token at each of them, or -100.
        cut: whether something to be learned was cut off.
    """

    inputs: list[int]
    targets: list[int]
    cut: bool


def row_of(tokenizer: Tokenizer, talk: Talk, context: int, /) -> Row:
    """The tokens of a chat, and what is learned of them; nothing of both if nothing is left.

    Args:
        tokenizer: with a template.
        talk: a chat, or a plain document.
        context: greatest number of tokens.

    Raises:
        UsageError: the template does not take the chat.
    """
    if isinstance(talk, str):
        tokens = tokenizer.encode(talk)
        end = tokenizer.end
        tokens = tokens if end is None or tokens[-1:] == [end] else [*tokens, end]
        counts = [True] * len(tokens)
    else:
        tokens, counts = taught(tokenizer, list(talk))
    targets = [token if own else IGNORED for token, own in zip(tokens, counts, strict=True)][1:]
    whole = sum(target != IGNORED for target in targets)
    kept = [place for place, target in enumerate(targets[:context]) if target != IGNORED]
    length = kept[-1] + 1 if kept else 0
    return Row(tokens[:length], targets[:length], len(kept) < whole)


def with_template(tokenizer: Tokenizer, /) -> tuple[Tokenizer, str]:
    """A tokenizer that can write chats, and a line on its template where it had none.

    Raises:
        UsageError: it has no token that ends a text, either.
    """
    if tokenizer.template:
        return tokenizer, ""
    if tokenizer.end is None:
        raise UsageError(
            "the model has neither a template for chats nor a token that ends a text; begin with "
            "another one"
        )
    end = tokenizer.token(tokenizer.end)
    told = f"the model has no template for chats; turns are written as `User: ...{end}`"
    return tokenizer.told(chat=PLAIN), told


def chat_dataset(
    name: str,
    tokenizer: Tokenizer,
    table: Table,
    chosen: dict[str, list[int]],
    /,
    *,
    context: int,
    about: dict[str, Any],
) -> Dataset:
    """A dataset of chats.

    Args:
        name: what to call it.
        tokenizer: with a template.
        table: a chat in each row (`kept`).
        chosen: which are for what.
        context: greatest number of tokens.
        about: where they come from.

    Raises:
        UsageError: the template does not take a chat, which is named.
    """
    rows = _rows(tokenizer, table, context)
    port = _port(tokenizer, None)
    signature = Signature((port,), (_output(tokenizer.vocabulary),))
    parts = {part: _split(rows, table, index, signature) for part, index in chosen.items()}
    about = about | {"context": context} | _counted(rows)
    about["decided"] = [*about.get("decided", ()), _told(rows, context)]
    return assemble(name, parts, standardise=False, about=about, tokenizer=tokenizer)


def _tables(data: Dataset) -> dict[str, Table]:
    """The chats of each part, as far as they were kept."""
    parts = {"train": data.train, "valid": data.valid, "test": data.test}
    return {
        name: part.table
        for name, part in parts.items()
        if isinstance(part, Split) and part.table is not None and part.table.header == HEADER
    }


def has_chats(data: Dataset, /) -> bool:
    """Whether the examples are chats that can be read anew."""
    return len(_tables(data)) == 3


def reread(
    data: Dataset, tokenizer: Tokenizer, port: Port, /, *, longest: int | None = None
) -> Dataset:
    """The same chats as a model that is there writes them.

    Args:
        data: of chats.
        tokenizer: the model's.
        port: its input.
        longest: the most tokens that it can see at once.

    Raises:
        UsageError: its template does not take a chat, which is named.
    """
    tokenizer, told = with_template(tokenizer)
    context = min(data.about["context"], longest or data.about["context"])
    tokenizer.check(port)
    vocabulary = tokenizer.vocabulary if port.bounds is None else int(port.bounds[1]) + 1
    signature = Signature((_port(tokenizer, port),), (_output(vocabulary),))
    all_rows = list[Row]()

    def anew(table: Table) -> Split:
        rows = _rows(tokenizer, table, context)
        all_rows.extend(rows)
        return _split(rows, table, range(len(rows)), signature)

    parts = {name: anew(table) for name, table in _tables(data).items()}
    said = [line for line in (told, _told(all_rows, context)) if line]
    about = data.about | {"context": context} | _counted(all_rows)
    about |= {"decided": [*data.about.get("decided", ())[:-1], *said]}
    return replace(data, **parts, signature=signature, tokenizer=tokenizer, about=about)


def kept(talks: Sequence[Talk], lines: Sequence[int], /, *, source: str, unit: str) -> Table:
    """Chats as a table that keeps them."""
    cells = [[json.dumps(talk, ensure_ascii=False)] for talk in talks]
    return Table(source, HEADER, cells, list(lines), unit=unit)


def talk_of(cell: str, /) -> Talk:
    """What a cell keeps.

    >>> talk_of('"a document"')
    'a document'
    """
    found = json.loads(cell)
    return found if isinstance(found, str) else tuple(found)


def asked_of(talk: Talk, /) -> str:
    """What is asked in a chat, or a document itself: copies of it stay in one part."""
    turns = (
        [talk] if isinstance(talk, str) else [x["content"] for x in talk if x["role"] != ANSWERS]
    )
    return "\n".join(" ".join(turn.split()).casefold() for turn in turns)


def _rows(tokenizer: Tokenizer, table: Table, context: int) -> list[Row]:
    found = list[Row]()
    for place, (cell,) in enumerate(table.rows):
        try:
            found.append(row_of(tokenizer, talk_of(cell), context))
        except UsageError as error:
            raise UsageError(f"{table.where(place)}: {error}") from error
    return found


def _split(rows: list[Row], table: Table, index: Sequence[int], signature: Signature) -> Split:
    some = [i for i in index if rows[i].inputs]
    if index and not some:
        raise UsageError(
            f"{table.source}: no answer begins within the context of its chat; raise context="
        )
    fill = signature.input.padding_id or 0
    return Split(
        padded([rows[i].inputs for i in some], fill=fill),
        padded([rows[i].targets for i in some], fill=IGNORED),
        signature,
        [f"{table.unit} {table.lines[i]}" for i in some],
        table=table.select(some),
    )


def _port(tokenizer: Tokenizer, port: Port | None) -> Port:
    """The port of rows; what fills them up stands behind all that is learned."""
    high = tokenizer.vocabulary - 1
    found = port or Port("text", "text", ("t",), dtype="int64", bounds=(0, high))
    filler = tokenizer.padding or 0
    return found if found.padding_id is not None else replace(found, padding_id=filler)


def _output(vocabulary: int) -> Port:
    return Port("next token", "label", ("t", vocabulary), task="next-token")


def _counted(rows: list[Row]) -> dict[str, int]:
    return {
        "chats": len(rows),
        "cut": sum(row.cut and bool(row.inputs) for row in rows),
        "lost": sum(not row.inputs for row in rows),
    }


def _told(rows: list[Row], context: int) -> str:
    tokens = sum(len(row.inputs) for row in rows)
    learned = sum(target != IGNORED for row in rows for target in row.targets)
    counts = _counted(rows)
    said = f"{len(rows):,} chats of {tokens:,} tokens, of which {learned:,} are learned"
    if counts["cut"]:
        said += f"; {counts['cut']} were cut at context={context} tokens, and end without an end"
    if counts["lost"]:
        said += f"; {counts['lost']} left out, as no answer begins within context={context}"
    return said
