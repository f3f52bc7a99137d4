"""A question beside a text, in as many pieces as a model's context asks for.

    [CLS] question [SEP] piece of the text [SEP]

Pieces overlap, so that what stands on the edge of one lies within another. Each token keeps its
place in the text: that of the whole word it belongs to, as answers are made of words.
"""

from dataclasses import dataclass
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer

Place = tuple[int, int]
"""Characters of a text: the first, and the one beyond the last."""


@dataclass(frozen=True)
class Window:
    """A question and a piece of a text as a model takes them.

    Attributes:
        tokens: the numbers of both and of what stands around them.
        segments: for each token 0 (the question) or 1 (the text).
        places: for each token where its word stands in the text; None outside of the text.
    """

    tokens: list[int]
    segments: list[int]
    places: list[Place | None]


def windows(
    tokenizer: Tokenizer, question: str, text: str, /, *, longest: int, overlap: int
) -> list[Window]:
    """The pieces in their order.

    Args:
        tokenizer: of the model; its post-processor says what stands around a pair.
        question: stands whole in every piece.
        text: what is cut.
        longest: tokens of a piece, all counted.
        overlap: tokens that a piece shares with the one before.

    Raises:
        UsageError: the question or the text is empty, or the question leaves no room.
    """
    inner = tokenizer.inner
    asked = inner.encode(question, add_special_tokens=False)
    read = inner.encode(text, add_special_tokens=False)
    for name, encoding in (("question", asked), ("text", read)):
        if not len(encoding):
            raise UsageError(f"the {name} is empty; expected some words")
    room = longest - inner.num_special_tokens_to_add(True) - len(asked)
    if room < 1:
        raise UsageError(
            f"the question takes {len(asked)} of the {longest} tokens that the model sees at once, "
            "and leaves no room for a text; shorten it"
        )
    words = _words(read)
    read.truncate(room, stride=min(overlap, room - 1))
    pairs = [inner.post_process(asked, piece) for piece in (read, *read.overflowing)]
    return [
        Window(
            piece.ids,
            piece.type_ids,
            [
                (words.get(word) or place) if side == 1 else None
                for side, word, place in zip(
                    piece.sequence_ids, piece.word_ids, piece.offsets, strict=True
                )
            ],
        )
        for piece in pairs
    ]


def _words(read: Any) -> dict[int, Place]:
    """Where each word of an encoded text stands, by its number."""
    found: dict[int, Place] = {}
    for word, (start, end) in zip(read.word_ids, read.offsets, strict=True):
        if word is not None:
            found[word] = (found.get(word, (start, end))[0], end)
    return found
