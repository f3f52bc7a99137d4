"""What people are told that stands in lists: the words of settings, the map, and the cards."""

import re
from collections.abc import Iterator

from cartograd.core import concepts, registry, source, vocabulary
from tools.message_source import SOURCE, Message


def listed() -> Iterator[tuple[str, Message]]:
    """Each of these texts that has words, with the part of the catalogue that it belongs to."""
    yield from ((part, one) for part, one in _all() if re.search("[A-Za-z]{2}", one.text))


def _all() -> Iterator[tuple[str, Message]]:
    for word in vocabulary.words().values():
        yield "words", _plain(word["means"], "core/vocabulary.toml")
    for place in concepts.places():
        yield "map", _plain(place.done_when, "core/concepts.tsv")
    for card in registry.methods():
        file = source.path_of(card).relative_to(SOURCE).as_posix()
        for text in card.missing.values():
            yield "map", _plain(text, file)
        yield "cards", _plain(source.summary(card), file)
        yield "cards", _plain(card.title, file)


def titles() -> dict[str, str]:
    """The Chinese of the titles of cards, which stands in these."""
    return {card.title: card.zh for card in registry.methods()}


def _plain(text: str, file: str) -> Message:
    """A text without places."""
    return Message(text.replace("{", "{{").replace("}", "}}"), file)
