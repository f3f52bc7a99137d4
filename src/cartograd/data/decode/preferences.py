r"""Preferences in files: pairs of answers, of which one was liked better, or single ones.

    {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}              texts
    {"prompt": [messages], "chosen": [messages], "rejected": [messages]}   messages of OpenAI
    {"chosen": [messages], "rejected": [messages]}                         whole chats
    {"chosen": "a text", "rejected": "another"}                            plain documents
    {"prompt": "Hi", "completion": "Hello!", "label": true}                liked, or not (KTO)

An object on each line, or all in one JSON list.

References:
    Leandro von Werra et al. TRL: dataset formats. https://huggingface.co/docs/trl/dataset_formats

>>> row = '{"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}'
>>> found = parse_preferences(row, source="liked").liked[0]
>>> found.better
({'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Hello!'})
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.decode.chats import ANSWERS, Message, Talk, objects_of, text_of, turns_of

KEYS = "chosen with rejected, or completion with label"
"""What a line has to have."""


@dataclass(frozen=True)
class Liked:
    """Two talks that end with answers to the same; one of them may be missing.

    Attributes:
        better, worse: chats or plain documents; None where there is no such answer.
    """

    better: Talk | None
    worse: Talk | None


@dataclass(frozen=True)
class Preferences:
    """What a file holds.

    Attributes:
        source: the file's name.
        liked: pairs and single answers.
        lines: where each stands.
        unit: what `lines` counts.
        same: lines that were left out, as both answers are the same.
        empty: lines that were left out, as an answer is empty.
    """

    source: str
    liked: list[Liked]
    lines: list[int]
    unit: str
    same: list[int]
    empty: list[int]

    @property
    def told(self) -> list[str]:
        """What was read and what was left out, a line each."""
        pairs = sum(one.better is not None and one.worse is not None for one in self.liked)
        single = len(self.liked) - pairs
        said = [f"{pairs:,} pairs of answers" + (f", {single:,} single answers" if single else "")]
        for out, why in ((self.empty, "an empty answer"), (self.same, "twice the same answer")):
            if out:
                said.append(f"left out, {len(out)} with {why} (first in {self.unit} {out[0]})")
        return said


def parse_preferences(text: str, /, *, source: str) -> Preferences:
    """The preferences of a text.

    Args:
        text: JSON lines, or a JSON list.
        source: what to call it in errors.

    Raises:
        UsageError: a line is no JSON, of none of the shapes, or has an unknown role; it is named.
    """
    unit, objects = objects_of(text, source)
    found = Preferences(source, [], [], unit, [], [])
    for number, one in objects:
        liked = _liked(one, f"{source}, {unit} {number}")
        there = [talk for talk in (liked.better, liked.worse) if talk is not None]
        if not all(_said(talk).strip() for talk in there):
            found.empty.append(number)
        elif len(there) == 2 and there[0] == there[1]:
            found.same.append(number)
        else:
            found.liked.append(liked)
            found.lines.append(number)
    if not found.liked:
        raise UsageError(
            f"{source} holds no preference; expected objects with {KEYS}, as JSON lines or one "
            "JSON list"
        )
    return found


def _liked(one: Mapping[str, Any], where: str) -> Liked:
    """What an object says.

    Raises:
        UsageError: it has none of the shapes.
    """
    if "chosen" in one and "rejected" in one:
        better, worse = (_talk(one, key, where) for key in ("chosen", "rejected"))
        return Liked(better, worse)
    if "completion" in one and "label" in one:
        if one["label"] not in (True, False, 0, 1):
            raise UsageError(f"{where}: label is {one['label']!r}; expected true or false")
        talk = _talk(one, "completion", where)
        return Liked(talk, None) if one["label"] else Liked(None, talk)
    keys = ", ".join(list(one)[:8]) or "none"
    raise UsageError(f"{where} has the keys {keys}; expected {KEYS}, and perhaps a prompt")


def _talk(one: Mapping[str, Any], key: str, where: str) -> Talk:
    """A prompt with an answer, as a chat; a text without prompt as a plain document.

    Raises:
        UsageError: it does not end with an answer.
    """
    prompt, answer = one.get("prompt"), one[key]
    if prompt is None and not isinstance(answer, list):
        return text_of(answer, where, key)
    talk = (*_side(prompt, where, "user"), *_side(answer, where, ANSWERS))
    if talk[-1]["role"] != ANSWERS:
        raise UsageError(
            f"{where}: {key} ends with a message of {talk[-1]['role']}; expected an answer of the "
            f"{ANSWERS}"
        )
    return talk


def _side(said: Any, where: str, role: str) -> tuple[Message, ...]:
    """Messages, or one of a role; nothing for None."""
    if isinstance(said, list):
        return turns_of(said, where, role="role", content="content")
    return () if said is None else ({"role": role, "content": text_of(said, where, role)},)


def _said(talk: Talk) -> str:
    """The answer that a talk ends with."""
    return talk if isinstance(talk, str) else talk[-1]["content"]
