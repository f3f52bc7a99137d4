r"""A text in the pieces that a tokenizer numbers, by Python alone: normalisers and what cuts.

Of the parts of `tokenizer.json` those whose rules are few: Unicode's forms, BERT's cleaning,
SentencePiece's blanks, GPT-2's pieces of bytes. Which letters are letters, digits or blanks is
Unicode's as Python knows it; the package `tokenizers` may know a newer one.

>>> made("normalizer", {"type": "Lowercase"})("ÉTÉ")
'été'
>>> made("pre_tokenizer", {"type": "ByteLevel", "add_prefix_space": False})("it's né")
['it', "'s", 'ĠnÃ©']
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any

from cartograd.core.errors import UsageError

Cut = Callable[[str], list[str]]
"""What cuts a text into pieces."""

BLANKS = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Unicode's White_Space, for a pattern."""

CHINESE = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
"""Letters that BERT reads one by one, as the package has them."""

_BLANK = re.compile(f"[{BLANKS}]")
_BLANKED = re.compile(f"[{BLANKS}]+")
_SHORT = re.compile("'(?:s|t|re|ve|m|ll|d)")
_RUNS = re.compile(r" ?L+| ?N+| ?O+|[ B]+(?![LNO])|[ B]+")
"""GPT-2's pieces, of a text whose letters are L, digits N, blanks B (but for U+0020), others O."""


def absent(part: str, what: Any, /) -> UsageError:
    """A part that is not read here."""
    return UsageError(
        f"this tokenizer's {part} {what!r} is read by the package 'tokenizers' alone: pip install "
        "tokenizers"
    )


def made(part: str, described: Mapping[str, Any], /) -> Any:
    """A normaliser (text to text) or a pre-tokeniser (`Cut`) by its description.

    Args:
        part: `normalizer` or `pre_tokenizer`.
        described: as `tokenizer.json` has it.

    Raises:
        UsageError: it is none of those that are read here.
    """
    known = {"normalizer": NORMALISERS, "pre_tokenizer": CUTTERS}[part]
    kind = described.get("type")
    if kind not in known:
        raise absent(part, kind)
    return known[kind](described)


def category(letter: str, /) -> str:
    """The first letter of Unicode's category: L, N, P, ..."""
    return unicodedata.category(letter)[0]


def _lower(text: str) -> str:
    return "".join(map(str.lower, text))  # letter by letter: no sigma knows that it ends a word


def _without(kinds: str, text: str) -> str:
    return "".join(letter for letter in text if not unicodedata.category(letter).startswith(kinds))


def _form(name: Any) -> Callable[[str], str]:
    return partial(unicodedata.normalize, name)


def _strip(said: Mapping[str, Any]) -> Callable[[str], str]:
    left = f"^[{BLANKS}]+" if said.get("strip_left", True) else r"(?!)"
    right = f"[{BLANKS}]+$" if said.get("strip_right", True) else r"(?!)"
    found = re.compile(f"{left}|{right}")
    return lambda text: found.sub("", text)


def _replace(said: Mapping[str, Any]) -> Callable[[str], str]:
    pattern, other = said["pattern"], said["content"]
    if pattern == {"Regex": r"\s+"}:
        return lambda text: _BLANKED.sub(lambda _: other, text)
    if set(pattern) != {"String"}:
        raise absent("normalizer", f"Replace of {pattern}")
    return lambda text: text.replace(pattern["String"], other)


def _prepend(said: Mapping[str, Any]) -> Callable[[str], str]:
    return lambda text: said["prepend"] + text if text else text


def _in_turn(said: Mapping[str, Any]) -> Callable[[str], str]:
    steps = [made("normalizer", one) for one in said["normalizers"]]

    def run(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return run


def _bert(said: Mapping[str, Any]) -> Callable[[str], str]:
    """BERT's cleaning; accents go with capitals where nothing is said of them."""
    lower = said.get("lowercase", True)
    bare = said.get("strip_accents")
    bare = lower if bare is None else bare

    def run(text: str) -> str:
        if said.get("clean_text", True):
            text = "".join(map(_cleaned, text))
        if said.get("handle_chinese_chars", True):
            text = "".join(f" {one} " if _is_chinese(one) else one for one in text)
        if bare:
            text = _without("Mn", unicodedata.normalize("NFD", text))
        return _lower(text) if lower else text

    return run


def _cleaned(letter: str) -> str:
    if letter in "\t\n\r" or _BLANK.match(letter):
        return "" if letter in "\x0b\x0c\x85" else " "  # these count as controls, which come first
    return "" if letter == "\ufffd" or category(letter) == "C" else letter


def _is_chinese(letter: str) -> bool:
    return letter >= "\u3400" and any(low <= ord(letter) <= high for low, high in CHINESE)


NORMALISERS: dict[str, Callable[[Mapping[str, Any]], Callable[[str], str]]] = {
    "NFC": lambda _: _form("NFC"),
    "NFD": lambda _: _form("NFD"),
    "NFKC": lambda _: _form("NFKC"),
    "NFKD": lambda _: _form("NFKD"),
    "Lowercase": lambda _: _lower,
    "StripAccents": lambda _: partial(_without, "M"),
    "Strip": _strip,
    "Replace": _replace,
    "Prepend": _prepend,
    "BertNormalizer": _bert,
    "Sequence": _in_turn,
}


def _words(text: str) -> list[str]:
    return [one for one in _BLANKED.split(text) if one]


def _bert_words(text: str) -> list[str]:
    """Words without blanks; each mark stands alone."""
    found: list[str] = []
    for word in _words(text):
        found += _isolated(word, _is_mark)
    return found


def _is_mark(letter: str) -> bool:
    return category(letter) == "P" or (letter.isascii() and letter.isprintable()
                                       and not letter.isalnum() and letter != " ")  # fmt: skip


def _isolated(text: str, alone: Callable[[str], bool], /, *, together: bool = False) -> list[str]:
    """Pieces of a text in which some letters stand alone, or in runs of their own."""
    found: list[str] = []
    before = None
    for letter in text:
        here = alone(letter)
        if found and here == before and (together or not here):
            found[-1] += letter
        else:
            found.append(letter)
        before = here
    return found


def _blanked(said: Mapping[str, Any]) -> Cut:
    """SentencePiece's: a mark in the place of blanks, at which words begin."""
    mark, scheme = said["replacement"], said.get("prepend_scheme", "always")
    if scheme == "first":  # by the package's rules it depends on letters that were taken away
        raise absent("pre_tokenizer", "Metaspace with prepend_scheme=first")

    def run(text: str) -> list[str]:
        text = text.replace(" ", mark)
        if scheme == "always" and not text.startswith(mark):
            text = mark + text
        if not said.get("split", True):
            return [text]
        return [one for one in re.split(f"(?={re.escape(mark)})", text) if one]

    return run


def _letters(said: Mapping[str, Any]) -> Cut:
    """Each letter by itself; other patterns are not read."""
    if (said["pattern"], said["behavior"]) != ({"Regex": r"[\s\S]"}, "Isolated"):
        raise absent("pre_tokenizer", f"Split by {said['pattern']}")
    return list


def _digits(said: Mapping[str, Any]) -> Cut:
    together = not said.get("individual_digits", False)
    return lambda text: _isolated(text, lambda one: category(one) == "N", together=together)


def _bytes(said: Mapping[str, Any]) -> Cut:
    """GPT-2's pieces, each byte as the letter that stands for it."""
    spaced, cut = said.get("add_prefix_space", True), said.get("use_regex", True)

    def run(text: str) -> list[str]:
        if spaced and not text.startswith(" "):
            text = f" {text}"
        pieces: Iterable[str] = _runs(text) if cut else [text]
        return [
            one.encode(errors="replace").decode("latin-1").translate(_shown()) for one in pieces
        ]

    return run


def _runs(text: str) -> list[str]:
    kinds, found, at = "".join(map(_kind, text)), list[str](), 0
    while at < len(text):
        match = _SHORT.match(text, at) or _RUNS.match(kinds, at)
        end = len(text) if match is None else match.end()
        found.append(text[at:end])
        at = end
    return found


@cache
def _kind(letter: str) -> str:
    if letter == " ":
        return letter
    if _BLANK.match(letter):
        return "B"
    kind = category(letter)
    return kind if kind in "LN" else "O"


@cache
def _shown() -> dict[int, int]:
    """The letter that stands for each byte: itself where it can be seen, else one from 256 on."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = [byte for byte in range(256) if byte not in seen]
    return {byte: 256 + place for place, byte in enumerate(hidden)}


def _each(said: Mapping[str, Any]) -> Cut:
    steps = [made("pre_tokenizer", one) for one in said["pretokenizers"]]

    def run(text: str) -> list[str]:
        pieces = [text]
        for step in steps:
            pieces = [one for piece in pieces for one in step(piece)]
        return pieces

    return run


CUTTERS: dict[str, Callable[[Mapping[str, Any]], Cut]] = {
    "BertPreTokenizer": lambda _: _bert_words,
    "WhitespaceSplit": lambda _: _words,
    "Metaspace": _blanked,
    "Digits": _digits,
    "Split": _letters,
    "ByteLevel": _bytes,
    "Sequence": _each,
}
