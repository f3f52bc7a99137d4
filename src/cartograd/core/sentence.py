"""A sentence with places for what changes, and how a finished one is recognised."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

STRONG = 10
"""Letters of a template that are enough to be sure of it."""
MOST_WAYS = 1_000_000
"""Steps that matching one template may take."""

PLACE = re.compile(r"\{([A-Za-z_]\w*)\}")
WHOLE = re.compile(r"(?<![\w\0])[A-Za-z]+(?![\w\0])")
ATOM = re.compile(
    r"""(['"]).*\1|[^\s]*|[-+]?[\d.,]+\s\S{1,9}|\S+ \S+(?:  \S+ \S+)+"""
    r"""|[^\s,;:()][^,;:()]{0,30} [\d.,]+(?:, [^,;:()]{1,30} [\d.,]+)+(?:, \.\.\.)?""",
    re.DOTALL,
)
"""What is no sentence: quoted, a word, a figure with its unit, names and figures in a row."""
PROSE = re.compile(
    r"(?<!\S)(?:an?|and|are|as|by|for|from|has|have|in|is|it|of|on|or|than|that|the|their|to|was|"
    r"were|which|with)(?![^\s,;:])"
)
"""A word that no name consists of: what has it is a sentence, of which some is unknown."""
HEADED = re.compile(r"[\w-]+: \S")
"""A name with a colon before a sentence, as the lines of a source have it."""
_HAN = "\u3000-\u303f\u4e00-\u9fff\uff00-\uffef"
LOOSE = re.compile(rf"(?<=[{_HAN}]) (?=[{_HAN}])")
"""A space between Chinese letters."""
_TIGHT = re.compile(r"(?<=[\u4e00-\u9fff])\0+(?=[\w`-])(?![\u4e00-\u9fff])|"
                    r"(?<=[\w`%])(?<![\u4e00-\u9fff])\0+(?=[\u4e00-\u9fff])")  # fmt: skip
_ENDING = re.compile(r"s\d*")
"""Places for what English alone needs: `example{s}`, `{s}` for is or are."""


@dataclass(frozen=True)
class Template:
    """A sentence with places, and its Chinese (empty where it has none)."""

    text: str
    chinese: str

    @cached_property
    def literals(self) -> list[str]:
        """The pieces between the places."""
        return [unescaped(piece) for piece in PLACE.split(self.text)[::2]]

    @cached_property
    def key(self) -> str:
        """A word that any sentence of it has; empty where each touches a place."""
        whole = " ".join(PLACE.sub("\0", self.text).split())
        return max(WHOLE.findall(whole), key=len, default="")

    @cached_property
    def weight(self) -> int:
        """How much it says."""
        return sum(map(len, self.literals))

    @cached_property
    def weak(self) -> bool:
        """Whether it says so little that it could match by chance."""
        return sum(letter.isalpha() for piece in self.literals for letter in piece) < STRONG

    def match(self, text: str, /) -> re.Match[str] | None:
        """How a text is made by it, if it is.

        Literals are looked for in their order first, in one pass: where one is missing the pattern
        would try each way to place the others. So it would where places are bound, by an ending
        or by coming twice, in a text that has many literals many times: that one is not matched.
        """
        end, ways = 0, len(text)
        for piece in filter(None, self.literals):
            start = text.find(piece, end)
            if start < 0:
                return None
            end = start + len(piece)
            ways *= text.count(piece, start)
        return None if self.bound and ways > MOST_WAYS else self.pattern.fullmatch(text)

    @cached_property
    def bound(self) -> bool:
        """Whether a place may hold only some of what stands between its neighbours."""
        names = PLACE.findall(self.text)
        return (
            len(set(names)) < len(names)
            or any(map(_ENDING.fullmatch, names))
            or "" in self.literals[1:-1]
        )

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What matches it; a place that comes again holds the same again, and none holds two lines.

        Of two places side by side the second is a remark: it begins like one, or is empty.
        """
        names = PLACE.findall(self.text)
        parts = [re.escape(self.literals[0])]
        for at, name in enumerate(names):
            what = r"(?:; | \().*?|" if at and not self.literals[at] else ".*?"
            what = r"\w{0,5}" if _ENDING.fullmatch(name) else what
            parts.append(f"(?P={name})" if name in names[:at] else f"(?P<{name}>{what})")
            parts.append(re.escape(self.literals[at + 1]))
        return re.compile("".join(parts))


def unescaped(text: str, /) -> str:
    """A piece of a template as it is shown: braces of its own are doubled in it."""
    return text.replace("{{", "{").replace("}}", "}")


def closed(text: str, /) -> bool:
    """Whether no bracket closes in a text that did not open in it."""
    deep = 0
    for letter in text if ")" in text else "":
        deep += (letter == "(") - (letter == ")")
        if deep < 0:
            return False
    return True


def bracketed(text: str, /) -> tuple[str, str]:
    """A text that ends in brackets: what is before them, and what is in them.

    >>> bracketed("3 of 4 (by chance 1) (line 2 (test))")
    ('3 of 4 (by chance 1)', 'line 2 (test)')
    """
    deep = 0
    for at in range(len(text) - 1, 0, -1):
        deep += (text[at] == ")") - (text[at] == "(")
        if deep == 0:
            return text[:at].rstrip(), text[at + 1 : -1]
    return text, ""


def is_atom(text: str, /) -> bool:
    """Whether a text is no sentence: a name, a figure, what is quoted."""
    return bool(ATOM.fullmatch(text)) and not PROSE.fullmatch(text)


def fill(chinese: str, places: Mapping[str, str], /) -> str:
    """A sentence with what stands in its places, spaced as Chinese beside Latin letters is.

    >>> fill("缺少{path}", {"path": "a.csv"}), fill("缺少 {what}", {"what": "数据"})
    ('缺少 a.csv', '缺少数据')
    """
    marked = PLACE.sub(lambda place: f"\0{places.get(place[1], '')}\0", unescaped(chinese))
    return LOOSE.sub("", _TIGHT.sub(" ", marked).replace("\0", ""))
