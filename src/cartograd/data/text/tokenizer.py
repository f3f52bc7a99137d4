r"""Tokenizers: text as the numbers of a model, and back.

Encoding and training are those of the package `tokenizers` (extra `text`), whose JSON we keep;
which token means what, and how a chat is written, stand beside it. Bytes need no package.

>>> bytes_of = Tokenizer.bytes()
>>> bytes_of.encode("né"), bytes_of.decode([110, 195, 169]), bytes_of.vocabulary
([110, 195, 169], 'né', 256)
>>> Tokenizer.from_json(bytes_of.to_json()).encode("a")
[97]
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from jaxtyping import Int

from cartograd.core.arrays import Tensor
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.text import chat as chats
from cartograd.data.text import tokens
from cartograd.data.text.frames import framed, places
from cartograd.data.text.published import folder_of
from cartograd.data.text.tokens import NUMBERS, ROLES, Written


class Tokenizer:
    """Text as the numbers of a model, and back; see `from_json`, `from_folder`, `train`, `bytes`.

    Args:
        document: the package's JSON, parsed.
        special: the numbers for `padding`, `begin`, `end`, `unknown` and `mask`, as far as there
            are any; by how tokens are usually written if not given. Any other role ends a text.
        chat: how a chat is written, a template in Jinja's language.
        longest: how many tokens a text may have; the rest is cut off, but for the one at its end.
        counts: how often each token was seen, by its number, where that is known.
        manner: how the model it came with writes: a `Manner` of `apps.answers.writer` by fields.
        frame: what is written around texts, if anything (`data.text.frames`).

    Attributes:
        padding, begin, end, unknown, mask: the ids of those tokens, or None.

    Raises:
        UsageError: the document describes no tokenizer.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        /,
        *,
        special: Mapping[str, int] | None = None,
        chat: str = "",
        longest: int | None = None,
        counts: Sequence[int] = (),
        manner: Mapping[str, Any] | None = None,
        frame: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(document, Mapping) or not isinstance(document.get("model"), Mapping):
            raise UsageError("this describes no tokenizer: it has no 'model'")
        self.document = dict(document)
        self.special = dict(tokens.guessed(document) if special is None else special)
        self.template = chat
        self.longest = longest
        self.counts = tuple(counts)
        self.manner, self.frame = dict(manner or {}), dict(frame or {})
        self.padding, self.begin, self.end, self.unknown, self.mask = map(self.special.get, ROLES)

    @classmethod
    def from_json(cls, text: str, /) -> "Tokenizer":
        """The inverse of `to_json`; a tokenizer.json of Hugging Face will do.

        Raises:
            UsageError: it describes no tokenizer.
        """
        try:
            said = json.loads(text)
            if not isinstance(said, dict):
                raise UsageError("this describes no tokenizer: expected a JSON object")
            ours = {"tokenizer", "special"} <= set(said)
            return cls(said.pop("tokenizer"), **said) if ours else cls(said)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"this describes no tokenizer: {error}") from error

    @classmethod
    def from_folder(cls, folder: str | Path, /) -> "Tokenizer":
        """The tokenizer.json of a folder, with what tokenizer_config.json says besides.

        Raises:
            UsageError: there is none, or it cannot be read.
        """
        document, said, chat = folder_of(Path(folder))
        return cls.from_json(json.dumps(document)).told(chat=chat, **said)

    @classmethod
    def bytes(cls, *, special: bool = False) -> "Tokenizer":
        """The bytes of UTF-8: a byte is its own number.

        Args:
            special: have numbers beyond 255 for padding, begin and end.
        """
        roles = {role: 256 + i for i, role in enumerate(("padding", "begin", "end") * special)}
        return cls({"model": {"type": "bytes"}}, special=roles)

    @classmethod
    def train(cls, texts: Iterable[str], /, *, vocabulary: int, kind: str = "bpe") -> "Tokenizer":
        """Learn a vocabulary from texts.

        Its first tokens are those of padding, unknown, begin, end and mask. The same texts give
        the same tokenizer, but for `unigram`, whose training in the package is not repeatable.

        Args:
            texts: to learn from.
            vocabulary: how many tokens at most.
            kind: `bpe` (on bytes, so that nothing is unknown), `wordpiece` or `unigram`.

        Raises:
            UsageError: an unknown kind, too small a vocabulary, or the package is missing.
        """
        return cls(tokens.trained(texts, vocabulary, kind), special=NUMBERS)

    def to_json(self) -> str:
        """All of it as JSON; `tokenizer` in it is what Hugging Face's readers take."""
        return json.dumps({"tokenizer": self.document} | self.settings, ensure_ascii=False)

    def told(
        self, *, chat: str = "", longest: int | None = None, **roles: str | None
    ) -> "Tokenizer":
        """A copy with some settings changed; what is not given stays as it is.

        Args:
            chat: how a chat is written, a template in Jinja's language.
            longest: how many numbers a text may have.
            **roles: `padding`, `begin`, `end`, `unknown`, `mask`: the token, or None for none.

        Raises:
            UsageError: it has no such token.
        """
        numbers = {role: None if own is None else self.number(own) for role, own in roles.items()}
        for role, token in roles.items():
            if token is not None and numbers[role] is None:
                raise UsageError(f"the tokenizer has no token {token!r}, said to mean {role!r}")
        special = {role: own for role, own in (self.special | numbers).items() if own is not None}
        own = {"chat": chat or self.template, "longest": longest or self.longest}
        return Tokenizer(self.document, **dict[str, Any](self.settings | own, special=special))

    @property
    def settings(self) -> dict[str, Any]:
        """All that was given beside the document, by the names of the arguments."""
        named = {"special": self.special, "chat": self.template, "longest": self.longest}
        framed_ = {"frame": self.frame} if self.frame else {}
        return named | {"counts": self.counts, "manner": self.manner} | framed_

    @property
    def stops(self) -> frozenset[int]:
        """Tokens that are said to end what a model writes."""
        return frozenset(number for role, number in self.special.items() if role not in ROLES)

    @cached_property
    def vocabulary(self) -> int:
        """How many numbers there are."""
        return tokens.size(self.document, self.special)

    def number(self, token: str, /) -> int | None:
        """The number of a token, or None if it is none."""
        if self._of_bytes:
            return token.encode()[0] if len(token.encode()) == 1 else None
        return self.inner.token_to_id(token)

    def token(self, number: int, /) -> str:
        """A token as its vocabulary spells it; decoding a single one may give half a letter.

        Raises:
            UsageError: there is no such number.
        """
        if not 0 <= number < self.vocabulary:
            raise UsageError(f"there is no token {number}; there are {self.vocabulary}")
        if self._of_bytes:
            roles = {place: f"<{role}>" for role, place in self.special.items()}
            return roles.get(number) or (chr(number) if number < 128 else f"<0x{number:02X}>")
        return self.inner.id_to_token(number) or ""

    def encode(self, text: str, /, *, special: bool = True) -> list[int]:
        """A text as numbers.

        Args:
            text: anything.
            special: with the tokens that the model expects around a text (`[CLS]`, `<s>`), if it
                expects any. Special tokens that the text itself spells are always read as such.
        """
        return self.encoded([text], special=special)[0]

    def encoded(self, texts: Sequence[Written], /, *, special: bool = True) -> list[list[int]]:
        """Many texts, or pairs of texts in a row each, as numbers; faster than one by one."""
        if self._of_bytes:
            return [list("".join(text).encode())[: self.longest] for text in texts]
        if self.frame:
            return framed(self, texts, special=special)
        return tokens.numbered(self.inner, texts, self.longest, self.end, special=special)

    def spans(self, text: str, /) -> list[tuple[int, int]]:
        """Where in the text each number of `encode` comes from; `(0, 0)` for added ones.

        Raises:
            UsageError: the tokenizer is of bytes.
        """
        if self._of_bytes:
            raise UsageError("a byte may be a part of a letter; it has no place of its own")
        if self.frame:
            return places(self, text)
        one = self.inner.encode(text)
        return tokens.cut(one.offsets, one.ids, self.longest, self.end)

    def batch(self, texts: Sequence[Written], /) -> Int[Tensor, "b t"]:
        """Texts as rows of numbers, the shorter ones filled up on the right.

        Raises:
            UsageError: there is no text, or rows differ in length and there is no padding.
        """
        return self.rows(self.encoded(texts))

    def rows(self, encoded: Sequence[Sequence[int]], /) -> Int[Tensor, "b t"]:
        """What `encoded` gives as one tensor; see `batch`."""
        return tokens.padded(encoded, self.padding)

    def decode(
        self, numbers: Sequence[int] | Int[Tensor, " t"], /, *, special: bool = False
    ) -> str:
        """Numbers as text; bytes that are no UTF-8 become the replacement character.

        Args:
            numbers: of tokens.
            special: show special tokens, too.

        Raises:
            UsageError: a number is not in the vocabulary.
        """
        listed = numbers.tolist() if isinstance(numbers, Tensor) else list(numbers)
        strange = [number for number in listed if not 0 <= number < self.vocabulary]
        if strange:
            raise UsageError(f"there is no token {strange[0]}; there are {self.vocabulary}")
        if self._of_bytes:
            return bytes(number for number in listed if number < 256).decode(errors="replace")
        return self.inner.decode(listed, skip_special_tokens=not special)

    def chat(self, messages: chats.Messages, /, *, answer: bool = True) -> str:
        """A conversation as the text that a model was trained on; `chat_numbers` encodes it.

        Args:
            messages: each with `role` and `content`; a plain text is a message of the user.
            answer: end where the model's answer begins.

        Raises:
            UsageError: there is no template, or it does not take these messages.
        """
        return "".join(chats.written(self, messages, answer=answer)).translate(chats.NO_MARKS)

    def chat_numbers(self, messages: chats.Messages, /, *, answer: bool = True) -> list[int]:
        """The same as numbers; control tokens that messages spell are read as plain text."""
        pieces = chats.written(self, messages, answer=answer)
        return chats.encoded(pieces, self.document, self.readers)

    def check(self, port: Port, /) -> None:
        """Refuse a port of another vocabulary.

        Raises:
            UsageError: the model has fewer tokens, many more, or another one for padding.
        """
        tokens.fit(self.vocabulary, self.padding, port)

    def __repr__(self) -> str:
        return f"Tokenizer({self.document['model'].get('type')}, {self.vocabulary} tokens)"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tokenizer":
        return self  # nothing changes it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.to_json() == other.to_json()

    @property
    def _of_bytes(self) -> bool:
        return self.document["model"].get("type") == "bytes"

    @cached_property
    def readers(self) -> Any:
        """What reads a chat: as usual, and as plain text."""
        return None if self._of_bytes else chats.readers_of(self.document, self.inner)

    @cached_property
    def inner(self) -> Any:
        """The package's tokenizer; of bytes there is none."""
        return tokens.package(self.document)
