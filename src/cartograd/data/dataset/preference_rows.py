"""Pairs of answers as rows of tokens, of which those of the last answer of each are compared.

As of chats, the target at each position is the next token, where it belongs to the last answer with
what ends it, and -100 elsewhere. Of two plain documents, what they begin with alike is the prompt.
A pair of which an answer does not begin within the context is left out and counted.

Pairs are kept as they were read, so that a model which is there writes them by its own template.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.chat_rows import row_of, with_template
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.preference_pairs import PreferencePairs
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.decode.chats import Talk
from cartograd.data.decode.preferences import Liked, Preferences
from cartograd.data.decode.table import Table
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.vocabularies import padded

HEADER = ("preference",)
"""The column that keeps each pair, as JSON."""


@dataclass(frozen=True)
class Pair:
    """A pair in tokens; an answer that is missing has none.

    Attributes:
        tokens, labels: of the better and of the worse answer.
        cut: whether something of an answer was cut off.
        whole: whether each answer that there is begins within the context.
    """

    tokens: tuple[list[int], list[int]]
    labels: tuple[list[int], list[int]]
    cut: bool
    whole: bool


def pair_of(tokenizer: Tokenizer, liked: Liked, context: int, /) -> Pair:
    """The tokens of a pair, and which of them are compared.

    Raises:
        UsageError: the template does not take a chat.
    """
    talks = liked.better, liked.worse
    rows = [None if talk is None else row_of(tokenizer, talk, context) for talk in talks]
    tokens = tuple([] if row is None else row.inputs for row in rows)
    labels = tuple([] if row is None else _last(row.targets) for row in rows)
    if isinstance(liked.better, str) and isinstance(liked.worse, str):
        alike = _alike(*tokens)
        labels = tuple([IGNORED] * (alike - 1) + own[max(0, alike - 1) :] for own in labels)
    there = [any(one != IGNORED for one in own) for own in labels]
    cut = any(row is not None and row.cut for row in rows)
    whole = all(own or row is None for own, row in zip(there, rows, strict=True)) and any(there)
    first, second = tokens
    one, two = labels
    return Pair((first, second), (one, two), cut, whole)


def preference_dataset(
    tokenizer: Tokenizer,
    table: Table,
    chosen: dict[str, list[int]],
    /,
    *,
    context: int,
    about: dict[str, Any],
) -> Dataset:
    """A dataset of pairs.

    Args:
        tokenizer: with a template.
        table: a pair in each row (`kept_pairs`).
        chosen: which are for what.
        context: greatest number of tokens.
        about: where they come from.

    Raises:
        UsageError: the template does not take a chat, which is named.
    """
    pairs = _pairs(tokenizer, table, context)
    high = tokenizer.vocabulary - 1
    port = Port("text", "text", ("t",), dtype="int64", bounds=(0, high))
    signature = _signature(tokenizer, port, tokenizer.vocabulary)
    parts: dict[str, Any] = {
        part: _part([pairs[i] for i in index], table.select(index), signature, part != "test")
        for part, index in chosen.items()
    }
    about = about | {"context": context, "pairs": len(pairs)}
    about["decided"] = [*about.get("decided", ()), _told(pairs, context)]
    return Dataset("preferences", **parts, signature=signature, about=about, tokenizer=tokenizer)


def has_pairs(data: Dataset, /) -> bool:
    """Whether the examples are pairs of answers."""
    return isinstance(data.train, PreferencePairs)


def judged(data: Dataset, /) -> Dataset:
    """The same pairs for a model that gives a number for an answer; the test part compares, too."""
    output = Port("reward", "value", (1,), task="reward")
    signature = replace(data.signature, outputs=(output,))

    def anew(part: str) -> PreferencePairs:
        own = getattr(data, part)
        assert isinstance(own, PreferencePairs)
        kept = own.better
        better = Split(kept.stored, kept.targets, signature, kept.names, table=kept.table)
        return replace(own, better=better, compared=True)

    parts = {part: anew(part) for part in ("train", "valid", "test")}
    return replace(data, **parts, signature=signature)


def reread_pairs(
    data: Dataset, tokenizer: Tokenizer, port: Port, /, *, longest: int | None = None
) -> Dataset:
    """The same pairs as a model that is there writes them.

    Args:
        data: of pairs.
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
    signature, every = _signature(tokenizer, port, vocabulary), list[Pair]()

    def anew(part: str) -> PreferencePairs:
        own = getattr(data, part)
        assert isinstance(own, PreferencePairs)
        table = own.better.table
        assert table is not None
        pairs = _pairs(tokenizer, table, context)
        every.extend(pairs)
        return _part(pairs, table, signature, own.compared)

    parts = {part: anew(part) for part in ("train", "valid", "test")}
    said = [line for line in (told, _told(every, context)) if line]
    about = data.about | {"context": context}
    about |= {"decided": [*data.about.get("decided", ())[:-1], *said]}
    return replace(data, **parts, signature=signature, tokenizer=tokenizer, about=about)


def kept_pairs(found: Preferences, /) -> Table:
    """Pairs as a table that keeps them."""
    cells = [[json.dumps([one.better, one.worse], ensure_ascii=False)] for one in found.liked]
    return Table(found.source, HEADER, cells, found.lines, unit=found.unit)


def liked_of(cell: str, /) -> Liked:
    """What a cell keeps.

    >>> liked_of('["a", null]')
    Liked(better='a', worse=None)
    """
    better, worse = json.loads(cell)
    return Liked(_as_talk(better), _as_talk(worse))


def _as_talk(one: Any) -> Talk | None:
    return tuple(one) if isinstance(one, list) else one


def _pairs(tokenizer: Tokenizer, table: Table, context: int) -> list[Pair]:
    found = list[Pair]()
    for place, (cell,) in enumerate(table.rows):
        try:
            found.append(pair_of(tokenizer, liked_of(cell), context))
        except UsageError as error:
            raise UsageError(f"{table.where(place)}: {error}") from error
    if found and not any(pair.whole for pair in found):
        raise UsageError(
            f"{table.source}: no answer begins within context={context} tokens; give more, or a "
            "model that sees more"
        )
    return found


def _part(pairs: list[Pair], table: Table, signature: Signature, compared: bool) -> PreferencePairs:
    """The pairs whose answers begin within the context; to be tested, those with a better one."""
    some = [i for i, pair in enumerate(pairs) if pair.whole]
    if not compared:
        some = [i for i in some if pairs[i].tokens[0]]
        if pairs and not some:
            raise UsageError(
                f"{table.source}: no example of the test part has an answer that was liked; give "
                "more examples, or a larger share by test="
            )
    fill = signature.input.padding_id or 0
    first, second = ([pairs[i].tokens[side] for i in some] for side in (0, 1))
    one, two = (
        padded([pairs[i].labels[side] for i in some], fill=IGNORED) for side in (0, 1)
    )  # fmt: skip
    width = max(one.shape[1], two.shape[1])
    both = [
        torch.nn.functional.pad(own, (0, width - own.shape[1]), value=IGNORED) for own in (one, two)
    ]
    kept = table.select(some)
    names = [f"{table.unit} {line}" for line in kept.lines]
    better = Split(padded(first, fill=fill), one, signature, names, table=kept)
    return PreferencePairs(better, padded(second, fill=fill), torch.stack(both, 1), compared)


def _signature(tokenizer: Tokenizer, port: Port, vocabulary: int) -> Signature:
    """That of a language model; what fills rows up stands behind all that is compared."""
    if port.padding_id is None:
        port = replace(port, padding_id=tokenizer.padding or 0)
    return Signature((port,), (Port("next token", "label", ("t", vocabulary), task="next-token"),))


def _last(targets: Sequence[int]) -> list[int]:
    """The labels of the last answer alone."""
    begins = len(targets)
    while begins and targets[begins - 1] != IGNORED:
        begins -= 1
    return [IGNORED] * begins + list(targets[begins:])


def _alike(one: Sequence[int], two: Sequence[int]) -> int:
    """How many tokens two rows begin with alike, one at least."""
    count = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), None)
    return max(1, min(len(one), len(two)) if count is None else count)


def _told(pairs: Sequence[Pair], context: int) -> str:
    """A line on the pairs: how many tokens are compared, and what was cut or lost."""
    kept = [pair for pair in pairs if pair.whole]
    tokens = sum(one != IGNORED for pair in kept for own in pair.labels for one in own)
    said = f"{len(kept):,} pairs, in which {tokens:,} tokens of answers are compared"
    cut = sum(pair.cut for pair in kept)
    if cut:
        said += f"; {cut} were cut at context={context} tokens, and end without an end"
    if len(kept) < len(pairs):
        said += f"; {len(pairs) - len(kept)} left out, as an answer begins beyond context={context}"
    return said
