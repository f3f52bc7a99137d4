r"""Chats in files, in the shapes that they are passed on in, as one: a list of messages each.

    {"messages": [{"role": "user", "content": "Hi"}, ...]}                     OpenAI
    {"conversations": [{"from": "human", "value": "Hi"}, ...]}                 ShareGPT
    {"instruction": "Add.", "input": "1 and 2", "output": "3"}                 Alpaca
    {"prompt": "Hi", "completion": "Hello!"}                                   prompt and completion
    {"text": "A document, all of which is learned."}                           plain text

An object on each line, or all in one JSON list. One file may hold several shapes; each line's keys
say which.

References:
    OpenAI: chat format of fine-tuning. https://platform.openai.com/docs/guides/fine-tuning
    Rohan Taori et al. Stanford Alpaca. 2023. https://github.com/tatsu-lab/stanford_alpaca

>>> found = parse_chats('{"instruction": "Add.", "input": "1, 2", "output": "3"}', source="sums")
>>> found.talks[0]
({'role': 'user', 'content': 'Add.\n\n1, 2'}, {'role': 'assistant', 'content': '3'})
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cartograd.core.errors import UsageError, unknown
from cartograd.data.decode.text_files import lines

Message = dict[str, str]
"""With `role` and `content`."""

Talk = tuple[Message, ...] | str
"""A chat, or a plain document."""

ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant",
    "model": "assistant", "tool": "tool", "function": "tool", "observation": "tool",
}  # fmt: skip
"""What roles are called, and what templates call them."""

ANSWERS = "assistant"
"""Whose words are learned."""


@dataclass(frozen=True)
class Chats:
    """What a file holds.

    Attributes:
        source: the file's name.
        talks: chats and documents.
        lines: where each stands.
        unit: what `lines` counts.
        shapes: how many there are of each shape.
        empty: lines that were left out, as an answer in them is empty.
        unanswered: lines that were left out, as nobody answers in them.
    """

    source: str
    talks: list[Talk]
    lines: list[int]
    unit: str
    shapes: dict[str, int]
    empty: list[int]
    unanswered: list[int]

    @property
    def told(self) -> list[str]:
        """What was read and what was left out, a line each."""
        parts = (f"{count:,} {SHAPES[name][0]}" for name, count in self.shapes.items())
        said = [f"{', '.join(parts)}; answers of the {ANSWERS} and plain documents are learned"]
        for out, why in ((self.empty, "an empty answer"), (self.unanswered, "no answer")):
            if out:
                said.append(f"left out, {len(out)} with {why} (first in {self.unit} {out[0]})")
        return said


def parse_chats(text: str, /, *, source: str) -> Chats:
    """The chats of a text.

    Args:
        text: JSON lines, or a JSON list.
        source: what to call it in errors.

    Raises:
        UsageError: a line is no JSON, of none of the shapes, or has an unknown role; it is named.
    """
    unit, objects = objects_of(text, source)
    talks, places, shapes = list[Talk](), list[int](), Counter[str]()
    empty, unanswered = list[int](), list[int]()
    for number, one in objects:
        where = f"{source}, {unit} {number}"
        shape = _shape(one, where)
        talk = SHAPES[shape][1](one, where)
        said = [talk] if isinstance(talk, str) else _answers(talk)
        if not said or not all(words.strip() for words in said):
            (empty if said else unanswered).append(number)
            continue
        talks.append(talk)
        places.append(number)
        shapes[shape] += 1
    if not talks:
        raise UsageError(
            f"{source} holds no chat with an answer; expected objects with "
            f"{', '.join(SHAPES)}, as JSON lines or one JSON list"
        )
    return Chats(source, talks, places, unit, dict(shapes), empty, unanswered)


def _answers(talk: tuple[Message, ...]) -> list[str]:
    return [one["content"] for one in talk if one["role"] == ANSWERS]


def objects_of(text: str, source: str) -> tuple[str, list[tuple[int, dict[str, Any]]]]:
    """What is counted, and each object with its number."""
    if text.lstrip()[:1] == "[":
        whole = _json(text, source)
        return "item", [(i, _object(one, f"{source}, item {i}")) for i, one in enumerate(whole, 1)]
    numbered = enumerate(lines(text), start=1)
    found = [(i, f"{source}, line {i}", line) for i, line in numbered if line.strip()]
    return "line", [(i, _object(_json(line, where), where)) for i, where, line in found]


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is no JSON: {error}; mend it or take it out") from error


def _object(one: Any, where: str) -> dict[str, Any]:
    if isinstance(one, dict):
        return one
    raise UsageError(f"{where} holds a {type(one).__name__}; expected an object with a chat")


def _shape(one: Mapping[str, Any], where: str) -> str:
    """Which of the shapes an object has.

    Raises:
        UsageError: none.
    """
    name = next((name for name in SHAPES if name in one), None)
    if name is None:
        keys = ", ".join(list(one)[:8]) or "none"
        raise UsageError(
            f"{where} has the keys {keys}; expected one of {', '.join(SHAPES)} (chats in the shape "
            "of OpenAI, ShareGPT or Alpaca, prompt and completion, or plain text)"
        )
    return name


def _messages(one: Mapping[str, Any], where: str) -> Talk:
    return turns_of(one["messages"], where, role="role", content="content")


def _conversations(one: Mapping[str, Any], where: str) -> Talk:
    turns = one["conversations"]
    first = turns[0] if isinstance(turns, list) and turns else {}
    if isinstance(first, dict) and "role" in first:  # as OpenAI's, under the other name
        return turns_of(turns, where, role="role", content="content")
    talk = turns_of(turns, where, role="from", content="value")
    system = one.get("system")
    return ({"role": "system", "content": system}, *talk) if isinstance(system, str) else talk


def _instruction(one: Mapping[str, Any], where: str) -> Talk:
    asked, more = (text_of(one.get(key), where, key) for key in ("instruction", "input"))
    answer = text_of(one.get("output", one.get("response")), where, "output")
    asked = "\n\n".join(part for part in (asked, more) if part)
    talk = {"role": "user", "content": asked}, {"role": ANSWERS, "content": answer}
    system = text_of(one.get("system"), where, "system")
    return ({"role": "system", "content": system}, *talk) if system else talk


def _prompt(one: Mapping[str, Any], where: str) -> Talk:
    answer = one.get("completion", one.get("response"))
    return (*_side(one["prompt"], where, "user"), *_side(answer, where, ANSWERS))


def _side(said: Any, where: str, role: str) -> tuple[Message, ...]:
    """Messages, or one of a role."""
    if isinstance(said, list):
        return turns_of(said, where, role="role", content="content")
    key = "completion" if role == ANSWERS else "prompt"
    return ({"role": role, "content": text_of(said, where, key)},)


def _document(one: Mapping[str, Any], where: str) -> Talk:
    return text_of(one["text"], where, "text")


SHAPES: dict[str, tuple[str, Callable[[Mapping[str, Any], str], Talk]]] = {
    "messages": ("chats as OpenAI writes them (messages)", _messages),
    "conversations": ("chats as ShareGPT writes them (conversations)", _conversations),
    "instruction": ("instructions as Alpaca writes them (instruction, output)", _instruction),
    "prompt": ("prompts with completions", _prompt),
    "text": ("plain documents (text)", _document),
}  # fmt: skip
"""The key that tells a shape, what it is called, and what reads it."""


def turns_of(turns: Any, where: str, *, role: str, content: str) -> tuple[Message, ...]:
    """Messages of a list, with the roles that templates know.

    Raises:
        UsageError: it is no list of messages, or a role is unknown.
    """
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise UsageError(f"{where} holds no list of messages; expected objects with {role}")
    talk = list[Message]()
    for number, turn in enumerate(turns, start=1):
        said = turn.get(role)
        known = ROLES.get(said.casefold()) if isinstance(said, str) else None
        if known is None:
            raise unknown(f"{role} of message {number} of {where}:", str(said), tuple(ROLES))
        talk.append({"role": known, "content": text_of(turn.get(content), where, content)})
    return tuple(talk)


def text_of(value: Any, where: str, key: str) -> str:
    """A text, or the texts of a list of parts; nothing for None.

    Raises:
        UsageError: it is something else, as a picture.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else [value]
    texts = [one.get("text") if isinstance(one, dict) else one for one in parts]
    if not all(isinstance(one, str) for one in texts):
        raise UsageError(f"{where}: {key} is no text; expected text alone, without other parts")
    return "".join(map(str, texts))
