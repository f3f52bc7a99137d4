"""What a language model answers in chats, beside the answers that were held back.

Of each chat the last answer is written anew, from all turns before it as they were.
"""

from cartograd.apps.load.target import name_of
from cartograd.apps.load.writing import Writing
from cartograd.apps.results.evaluation import Text
from cartograd.architectures.decoding.generate import generate
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Writer
from cartograd.core.signed import Signed
from cartograd.data.dataset.chat_rows import HEADER, talk_of
from cartograd.data.dataset.dataset import Examples, Split
from cartograd.data.decode.chats import ANSWERS, Message
from cartograd.data.text.tokens import alike

TOKENS, LENGTH = 8192, 128
"""Tokens of chats and answers in work at once, filled up, and the most tokens of an answer."""


def goes_on(model: Signed, /) -> bool:
    """Whether a model goes on from texts, and so can answer chats."""
    able = model.signature.task.generated == "continuation" and isinstance(model.model, Writer)
    return able and model.tokenizer is not None


def chat_answers(model: Signed, examples: Examples, /) -> tuple[Text, ...]:
    """The likeliest last answer in each chat, token by token, in the order of the examples.

    Args:
        model: a language model with its tokenizer.
        examples: of `chats:FILE`.

    Raises:
        UsageError: the examples are no chats, or plain documents.
    """
    asked = [_parted(talk, model) for talk in _talks(examples, model)]
    writing, found = Writing(model), dict[int, Text]()
    rows = [writing.tokenizer.chat_numbers(turns) for turns, _ in asked]
    with evaluating(writing.signed):
        for places in alike([len(row) + LENGTH for row in rows], tokens=TOKENS):
            first = writing.begin([rows[place] for place in places], LENGTH)
            said = {"length": first.length, "stop": writing.stop}
            written = generate(first.decoder, first.prompt, first.starts, **said)
            for place, own in zip(places, written, strict=True):
                turns, right = asked[place]
                kept = [token for token in own if token not in writing.stop]
                text = writing.text(kept, after=writing.before(rows[place]))
                last = turns[-1]["content"] if turns else ""
                found[place] = Text(last, text.strip(), right)
    return tuple(found[place] for place in range(len(asked)))


def _talks(examples: Examples, model: Signed) -> list[tuple[Message, ...] | str]:
    table = examples.table if isinstance(examples, Split) else None
    if table is None or table.header != HEADER:
        raise UsageError(
            f"{name_of(model)} goes on from texts; metrics of texts need chats to answer "
            "(chats:FILE.jsonl), or a model that translates"
        )
    return [talk_of(cell) for (cell,) in table.rows]


def _parted(talk: tuple[Message, ...] | str, model: Signed) -> tuple[list[Message], str]:
    """The turns before the last answer, and that."""
    if isinstance(talk, str):
        raise UsageError(
            f"these are plain documents, in which {name_of(model)} has nothing to answer; take "
            "metrics of the next token, as nll and perplexity"
        )
    last = max(place for place, turn in enumerate(talk) if turn["role"] == ANSWERS)
    return list(talk[:last]), talk[last]["content"]
