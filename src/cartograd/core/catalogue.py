r"""The Chinese of what is said: templates with places for what changes, and how they are found.

A template is an f-string as the source has it, `{path} is a folder; expected a file to write`. A
finished sentence is looked up by its literal pieces: of the templates that match it the one with
most letters is meant. What stands in its places is looked up in turn, and left as it is where
nothing matches: names, numbers, paths.

A template that says little (`{low} to {high}`) could match any sentence; it counts only where its
places hold single words, numbers, or what is itself known. The best match decides even where it
has no Chinese yet, so that half a sentence is never translated.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from cartograd.core.po_file import read
from cartograd.core.sentence import (
    ATOM,
    HEADED,
    LOOSE,
    PLACE,
    PROSE,
    WHOLE,
    Template,
    bracketed,
    closed,
    fill,
    is_atom,
    unescaped,
)

FOLDER = Path(__file__).parent / "zh"
DEEPEST = 12
"""Templates within each other."""
LONGEST = 8192
"""Letters of a line that is looked up: a longer one is someone's data."""
MOST_PIECES = 1000
"""Pieces of one sentence that are looked up; that of an ordinary one has some twenty."""
REMEMBERED = 4096
"""Texts whose Chinese is kept: a server meets ever new ones."""

_WORDS = re.compile(r"[A-Za-z]{2}")
_SENTENCES = ((re.compile(r"(?<=[\w)}%][.!?]) (?=[A-Z{])"), ""), (re.compile("; "), "；"))
"""Between sentences, and between the halves of one; and their Chinese."""
_JOINTS = (("; ", "；"), (". ", "。"), (": ", "："), (", ", "，"))
"""What joins sentences and clauses, and their Chinese, from the loosest on."""


@dataclass(frozen=True)
class Catalogue:
    """English and Chinese, by template."""

    entries: dict[str, str]

    @cached_property
    def exact(self) -> dict[str, str]:
        """Sentences without places."""
        return {
            unescaped(text): unescaped(chinese)
            for text, chinese in self.entries.items()
            if not PLACE.search(text)
        }

    @cached_property
    def templates(self) -> dict[str, list[Template]]:
        """The others, by a word of each."""
        found: dict[str, list[Template]] = {}
        for entry in self.entries.items():
            if PLACE.search(entry[0]):
                template = Template(*entry)
                found.setdefault(template.key, []).append(template)
        return found

    @cached_property
    def kept(self) -> set[str]:
        """Names of the user's, such as those of classes, which are no words of ours."""
        return set()

    def keep(self, names: Iterable[str], /) -> None:
        """Leave these as they are from now on, where one of them is a word of ours, too."""
        mine = self.exact.keys() & set(names) - self.kept
        if mine:
            self.kept.update(mine)
            self.known.clear()

    def forget(self) -> None:
        """Keep no names any more."""
        if self.kept:
            self.kept.clear()
            self.known.clear()

    @cached_property
    def known(self) -> dict[str, str]:
        """What was looked up before."""
        return {}

    @cached_property
    def tried(self) -> dict[str, tuple[int, str | None]]:
        """Pieces that were looked up before, and how deep: else each is asked for exponentially."""
        return {}

    @cached_property
    def spent(self) -> list[str]:
        """What was looked up for the sentence at hand."""
        return []

    def translated(self, text: str, /) -> str:
        """A text in Chinese, or as it is where it is not known; space around it stays.

        >>> Catalogue({"{path} is missing": "缺少 {path}"}).translated("a.csv is missing")
        '缺少 a.csv'
        """
        if text not in self.known:
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[text] = self._lines(text)
            self.tried.clear()
        return self.known[text]

    def _lines(self, text: str) -> str:
        text = text.replace("\xa0", " ")
        core = text.strip()
        if "\n" in core and core not in self.exact:
            near = (
                [one for one in self._near(core) if "\n" in one.text]
                if len(core) <= LONGEST
                else []
            )
            found = self._first(near, core, DEEPEST)
            if not found:
                return "\n".join(map(self._lines, text.split("\n")))
        elif len(core) > LONGEST:
            return text
        else:
            self.spent.clear()
            found = self._found(core, DEEPEST)
            if found is None and core.startswith("- ") and core.isascii():  # a point of a list
                core = core.removeprefix("- ")
                found = self._found(core, DEEPEST)
        return text if found is None else text.replace(core, found, 1)

    def _found(self, text: str, deep: int) -> str | None:
        """The Chinese of a text without space around it, if it is known."""
        if not _WORDS.search(text) or text in self.kept:
            return None
        if text in self.exact:
            return self.exact[text] or None
        if deep == 0:
            return None
        at, told = self.tried.get(text, (0, None))
        if at < deep and len(self.spent) < MOST_PIECES:
            self.spent.append(text)
            told = self._sought(text, deep)
            self.tried[text] = deep, told
        return told

    def _sought(self, text: str, deep: int) -> str | None:
        """What `_found` gives of a text that is no sentence without places."""
        near = self._near(text)
        if not self._first([one for one in near if not one.weak], text, deep):
            told = self._headed(text, deep) or self._noted(text, deep) or self._stopped(text, deep)
            if told is not None:
                return told
        for joint, between in _SENTENCES:  # a template of two comes before one that swallows
            parts = joint.split(text)
            if len(parts) > 1 and (not between or text[-1] not in ".!?"):
                whole = self._first([one for one in near if joint.search(one.text)], text, deep)
                told = [self._found(one, deep - 1) for one in parts] if whole is None else []
                if told and all(told):
                    return between.join(filter(None, told))
        filled = self._first(near, text, deep)
        if filled is not None:
            return filled or None
        return self._parts(text, deep)

    def _near(self, text: str) -> list[Template]:
        """Templates that could match, those that say most first."""
        words = dict.fromkeys(["", *WHOLE.findall(text)])
        near = [
            one
            for word in words
            for one in self.templates.get(word, ())
            if text.startswith(one.literals[0]) and text.endswith(one.literals[-1])
        ]
        return sorted(near, key=_rank)

    def _first(self, templates: list[Template], text: str, deep: int) -> str | None:
        """The Chinese by the first that matches; empty where that has none."""
        told = (self._filled(one, text, deep) for one in templates)
        return next((one for one in told if one is not None), None)

    def _filled(self, template: Template, text: str, deep: int) -> str | None:
        """A template's Chinese with what stands in its places; empty where it has none."""
        match = template.match(text)
        if match is None or (template.weak and not template.chinese):
            return None
        places = {name: self._place(value, deep - 1) for name, value in match.groupdict().items()}
        if template.weak and any(template.key in WHOLE.findall(match[name]) for name in places):
            return None  # it swallowed another of its kind
        if template.weak and not all(
            told is not None or is_atom(match[name].strip()) for name, told in places.items()
        ):
            return None
        first = next(iter(places)) if not template.literals[0] else ""
        if first and (HEADED.match(match[first]) or ": " in match[first]):
            return None  # it swallowed what another sentence begins with
        if first and places[first] is None and PROSE.search(match[first]):
            return None
        if not all(map(closed, match.groups())):
            return None  # it swallowed the end of one and the beginning of another
        whole = {name: match[name] if told is None else told for name, told in places.items()}
        return fill(template.chinese, whole)

    def _place(self, value: str, deep: int) -> str | None:
        core = value.strip()
        found = self._found(core, deep) if core else None
        return None if found is None else value.replace(core, found, 1)

    def _parts(self, text: str, deep: int) -> str | None:
        """The Chinese of sentences that were put together, if all of them are known."""
        if text.endswith(")") and " (" in text:
            head, tail = bracketed(text)
            joined = self._joined([head, tail], deep - 1)
            if joined is not None:
                return f"{joined[0]}（{joined[1]}）"
        for joint in (", ", "; "):  # a sentence with a remark that has a template of its own
            head, mark, rest = text.partition(joint)
            near = [one for one in self._near(mark + rest) if one.text.startswith(joint)]
            ends = (self._found(head, deep - 1), self._first(near, mark + rest, deep - 1))
            if all(ends):
                return "".join(filter(None, ends))
        for joint, chinese in _JOINTS:
            if joint in text:
                joined = self._joined(text.split(joint, 1 if joint == ": " else -1), deep - 1)
                if joined is not None:
                    return LOOSE.sub("", chinese.join(joined))
        return None

    def _headed(self, text: str, deep: int) -> str | None:
        """The Chinese of `name: sentence`."""
        name, _, rest = text.partition(": ")
        if (
            not HEADED.match(text)
            or name in self.exact
            or not name.replace("-", "_").isidentifier()
        ):
            return None
        told = self._found(rest, deep - 1)
        return None if told is None else f"{name}：{told}"

    def _noted(self, text: str, deep: int) -> str | None:
        """The Chinese of a sentence that says much, with something in brackets behind it."""
        head, tail = bracketed(text) if text.endswith(")") else (text, "")
        if not tail:
            return None
        told = self._first([one for one in self._near(head) if not one.weak], head, deep - 1)
        inner = self._found(tail, deep - 1) if told else None
        known = inner is not None or is_atom(tail)
        return f"{told}（{inner or tail}）" if told and known else None

    def _stopped(self, text: str, deep: int) -> str | None:
        """The Chinese of a sentence whose template lacks the full stop."""
        bare = text[:-1] if text.endswith(".") else ""
        near = [one for one in self._near(bare) if not one.weak] if bare else []
        told = self.exact.get(bare) or self._first(near, bare, deep - 1)
        return f"{told}。" if told else None

    def _joined(self, parts: Iterable[str], deep: int) -> list[str] | None:
        """Each of these in Chinese or a single word; nothing where one is a sentence unknown."""
        parts = list(parts)
        told = [self._found(part.strip(), deep) for part in parts]
        if all(one is None for one in told):
            return None
        if any(
            one is None and part not in self.kept and (not ATOM.fullmatch(part) or part.isalpha())
            for one, part in zip(told, parts, strict=True)
        ):
            return None
        return [part if one is None else one for one, part in zip(told, parts, strict=True)]


def _rank(one: Template) -> tuple[int, bool, bool]:
    """What says most comes first; of equals what has Chinese, and what says how it ends."""
    return -one.weight, not one.chinese, one.text.endswith("}")


@cache
def catalogue() -> Catalogue:
    """All of `zh/*.po`."""
    files = sorted(FOLDER.glob("*.po"))
    return Catalogue({text: chinese for path in files for text, chinese, _ in read(path)})
