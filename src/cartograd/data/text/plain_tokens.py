"""`tokenizer.json` read by Python alone, for the slim runtime: texts become the same numbers.

The package `tokenizers` brings 38 MB with what it depends on. Here the parts are read that our own
tokenizers and most published ones of BERT, GPT-2 and RoBERTa are made of, and a file with another
part is refused with its name: nothing is read nearly (docs/adr/0035).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from cartograd.core.errors import UsageError
from cartograd.data.text.plain_models import model
from cartograd.data.text.plain_pieces import BLANKS, absent, made

Written = str | tuple[str, str]
"""A text, or a pair."""

REMEMBERED = 1 << 14
"""Pieces whose numbers are kept."""

_LEFT, _RIGHT = re.compile(f"[{BLANKS}]+$"), re.compile(f"[{BLANKS}]+")


class Coded(NamedTuple):
    """What a text became."""

    ids: list[int]


class PlainTokens:
    """Numbers texts, by the names that the package has for it.

    Args:
        document: a parsed `tokenizer.json`.

    Raises:
        UsageError: a part of it is not read here, or is damaged.
    """

    def __init__(self, document: Mapping[str, Any], /) -> None:
        try:
            told = document.get("normalizer")
            self._normal = made("normalizer", told) if told else str
            told = document.get("pre_tokenizer")
            self._cut = made("pre_tokenizer", told) if told else lambda text: [text]
            self._number = lru_cache(REMEMBERED)(model(document["model"]))
            self._frame = _framed(document.get("post_processor"))
            added = document.get("added_tokens") or []
            self._known = {
                **_vocabulary(document["model"]),
                **{x["content"]: x["id"] for x in added},
            }
            plain = {one["content"]: one for one in added if not one.get("normalized")}
            others = (one for one in added if one.get("normalized"))
            self._added = [_Added(plain), _Added({self._normal(x["content"]): x for x in others})]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(f"this describes no tokenizer: {error}") from error

    def token_to_id(self, token: str, /) -> int | None:
        """The number of a token, or None if it is none."""
        return self._known.get(token)

    def encode_batch_fast(
        self, texts: Sequence[Written], /, *, add_special_tokens: bool = True
    ) -> list[Coded]:
        """Texts, or pairs of texts, as numbers.

        Raises:
            UsageError: the vocabulary lacks a piece, and has no number for the unknown.
        """
        return [Coded(self._coded(one, framed=add_special_tokens)) for one in texts]

    def enable_truncation(self, longest: int, /, *, strategy: str) -> None:
        """Pairs are cut by the package alone.

        Raises:
            UsageError: always.
        """
        raise absent("cutting of pairs", f"{strategy}, {longest}")

    def _coded(self, written: Written, *, framed: bool) -> list[int]:
        sides = [
            self._numbers(one) for one in ((written,) if isinstance(written, str) else written)
        ]
        return self._frame(sides) if framed else [one for side in sides for one in side]

    def _numbers(self, text: str) -> list[int]:
        found: list[int] = []
        for piece in self._added[0].split(text):
            inner = [piece] if isinstance(piece, int) else self._added[1].split(self._normal(piece))
            for one in inner:
                parts = [] if isinstance(one, int) else self._cut(one)
                found += [one] if isinstance(one, int) else []
                for part in parts:
                    found += self._number(part)
        return found


class _Added:
    """Tokens that a text spells, found before it is cut.

    Args:
        tokens: as `added_tokens` describes them, by what is looked for.
    """

    def __init__(self, tokens: Mapping[str, Mapping[str, Any]], /) -> None:
        self.tokens = {text: one for text, one in tokens.items() if text}
        longest = sorted(self.tokens, key=len, reverse=True)
        self.spelt = re.compile("|".join(map(re.escape, longest)) or r"(?!)")

    def split(self, text: str, /) -> list[str | int]:
        """Numbers of tokens, and what stands between them."""
        found: list[str | int] = []
        done = 0
        for match in self.spelt.finditer(text):
            start, end = match.span()
            said = self.tokens[match[0]]
            if start < done or (said.get("single_word") and _within(text, start, end)):
                continue
            if said.get("lstrip"):
                blank = _LEFT.search(text[done:start])
                start = start if blank is None else done + blank.start()
            if said.get("rstrip"):
                blank = _RIGHT.match(text, end)
                end = end if blank is None else blank.end()
            found += [text[done:start]] if start > done else []
            found.append(said["id"])
            done = end
        return [*found, text[done:]] if done < len(text) else found


def _within(text: str, start: int, end: int) -> bool:
    """Whether a place has letters of a word beside it."""
    return bool(re.search(r"\w$", text[:start]) or re.match(r"\w", text[end:]))


def _vocabulary(said: Mapping[str, Any]) -> dict[str, int]:
    vocab = said["vocab"]
    if isinstance(vocab, list):
        return {piece: number for number, (piece, _) in enumerate(vocab)}
    return dict(vocab)


Framed = Callable[[list[list[int]]], list[int]]
"""One text's numbers, or two, with what stands around them."""


def _framed(said: Mapping[str, Any] | None) -> Framed:
    """What stands around a text or a pair.

    Raises:
        UsageError: it is not read here.
    """
    kind = None if said is None else said.get("type")
    if said is None or kind == "ByteLevel":  # which moves places in the text alone
        return lambda sides: [one for side in sides for one in side]
    if kind == "Sequence":
        inner = [one for one in said["processors"] if one.get("type") != "ByteLevel"]
        if len(inner) > 1:
            raise absent("post_processor", "Sequence of several")
        return _framed(inner[0] if inner else None)
    if kind == "TemplateProcessing":
        numbers = {name: list(one["ids"]) for name, one in said["special_tokens"].items()}
        shapes = [[_piece(one, numbers) for one in said[side]] for side in ("single", "pair")]
        return lambda sides: _filled(shapes[len(sides) - 1], sides)
    if kind not in ("BertProcessing", "RobertaProcessing"):
        raise absent("post_processor", kind)
    begin, end = [said["cls"][1]], [said["sep"][1]]
    between = [end, end] if kind == "RobertaProcessing" else [end]
    return lambda sides: _filled([begin, 0, end] if len(sides) == 1 else
                                 [begin, 0, *between, 1, end], sides)  # fmt: skip


def _piece(said: Mapping[str, Any], numbers: Mapping[str, list[int]]) -> list[int] | int:
    if "SpecialToken" in said:
        return numbers[said["SpecialToken"]["id"]]
    return "AB".index(said["Sequence"]["id"])


def _filled(shape: Sequence[list[int] | int], sides: list[list[int]]) -> list[int]:
    return [one for part in shape for one in (sides[part] if isinstance(part, int) else part)]
