"""A spec says how something was made: a name, its arguments, and what it acts on.

Text form, as typed on the command line and kept in run files:

    resnet:depth=18,width=32                 name and keyword arguments
    csv:people.csv,target=income             a subject (a path), then keyword arguments
    classify:model=(mlp:widths=[64,32])      nested: a spec in parentheses

Values are Python literals (`1e-3`, `true`, `none`, `[64, 32]`, `"a, b"`); any other word is text.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cartograd.core.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_KEY = re.compile(r"\s*([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)
_WORDS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class Spec:
    """How a thing was made.

    >>> spec = Spec.parse("csv:people.csv,target=income")
    >>> spec.subject, spec.args
    ('people.csv', {'target': 'income'})
    >>> str(Spec.parse("classify:model=(mlp:widths=[64,32]),smoothing=0.1"))
    'classify:model=(mlp:widths=[64,32]),smoothing=0.1'
    >>> Spec.from_json(spec.to_json()) == spec
    True
    """

    name: str
    args: dict[str, Any] = field(default_factory=dict)
    subject: str | None = None

    @classmethod
    def parse(cls, text: "str | Spec", /) -> "Spec":
        """Read the text form.

        Raises:
            UsageError: the text is not a spec.
        """
        if isinstance(text, Spec):
            return text
        if not isinstance(text, str):
            raise UsageError(f"{text!r} is not a spec; expected text like name:key=value")
        name, _, rest = text.strip().partition(":")
        if not _NAME.fullmatch(name):
            raise UsageError(f"{text!r} is not a spec; expected name:key=value,key=value")
        subject, args = None, {}
        for number, part in enumerate(_split(rest, text)):
            match = _KEY.match(part)
            if match is None:
                if number or not part.strip():
                    raise UsageError(f"{part!r} in {text!r} is not key=value")
                subject = str(_value(part))
                continue
            if match[1] in args:
                raise UsageError(f"{match[1]!r} is given twice in {text!r}")
            args[match[1]] = _value(match[2])
        return cls(name, args, subject)

    @classmethod
    def chain(cls, text: str, /) -> "list[Spec]":
        """Read several specs with commas between them.

        A part like `key=value` belongs to the spec before it.

        >>> [str(spec) for spec in Spec.chain("flip, crop:padding=2,padding_mode=edge")]
        ['flip', 'crop:padding=2,padding_mode=edge']

        Raises:
            UsageError: the text is not made of specs.
        """
        parts: list[str] = []
        for part in _split(text, text):
            if _KEY.match(part) and parts:
                parts[-1] += ("," if ":" in parts[-1] else ":") + part
            else:
                parts.append(part)
        return [cls.parse(part) for part in parts]

    def __str__(self) -> str:
        parts = [] if self.subject is None else [_text(self.subject)]
        parts += [f"{key}={_text(value)}" for key, value in self.args.items()]
        return self.name + (":" + ",".join(parts) if parts else "")

    def to_json(self) -> dict[str, Any]:
        """The spec as JSON types; a nested spec is marked by its `spec` key."""
        out: dict[str, Any] = {"spec": self.name}
        if self.subject is not None:
            out["subject"] = self.subject
        return out | {"args": {key: _to_json(value) for key, value in self.args.items()}}

    @classmethod
    def from_json(cls, data: Any, /) -> "Spec":
        """The inverse of `to_json`; lists come back as tuples.

        Raises:
            UsageError: the data does not describe a spec.
        """
        if not isinstance(data, dict) or not isinstance(data.get("spec"), str):
            raise UsageError(f"{data!r} does not describe a spec: it has no 'spec' name")
        args, subject = data.get("args", {}), data.get("subject")
        if not isinstance(args, dict) or not isinstance(subject, str | None):
            raise UsageError(f"{data!r} does not describe a spec: expected args by name")
        return cls(data["spec"], {key: _from_json(x) for key, x in args.items()}, subject)


def _split(text: str, whole: str) -> Iterator[str]:
    """Cut at the commas that are outside of quotes, brackets and parentheses."""
    if not text.strip():
        return
    depth, quote, start, before = 0, "", 0, ","
    for i, letter in enumerate(text):
        if quote:
            if before == "\\":
                letter = ""  # escaped: it ends nothing and escapes nothing
            quote = "" if letter == quote else quote
        elif letter in "\"'" and before in ",=[(:":  # elsewhere it is an apostrophe
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            yield text[start:i]
            start = i + 1
        before = before if letter == " " and not quote else letter
    if depth or quote:
        raise UsageError(f"unbalanced brackets or quotes in {whole!r}")
    yield text[start:]


def _value(text: str) -> Any:
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text.startswith("(") and text.endswith(")") and _NAME.match(text[1:].strip()):
        return Spec.parse(text[1:-1])
    if text.startswith("[") and text.endswith("]"):
        return tuple(_value(part) for part in _split(text[1:-1], text))
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _text(value: Any) -> str:
    if isinstance(value, Spec):
        return f"({value})"
    if isinstance(value, tuple | list):
        return "[" + ",".join(_text(item) for item in value) + "]"
    if isinstance(value, str) and _is_bare(value):
        return value
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _is_bare(text: str) -> bool:
    """Whether a text can stand in a spec without quotes."""
    return bool(text) and not set(text) & set(",=()[]{}\"'\\") and _value(text) == text


def _to_json(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_to_json(item) for item in value]
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and "spec" in value:
        return Spec.from_json(value)
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    if isinstance(value, dict):
        raise UsageError(
            f"{value!r} is no value of an argument; expected a number, a word or a spec"
        )
    return value


def several(specs: str | Spec | Sequence[str | Spec], /) -> list[str | Spec]:
    """Specs as a list; one alone is a list of one, not of its letters.

    >>> several("crown"), several(["ibp", "crown"])
    (['crown'], ['ibp', 'crown'])
    """
    return [specs] if isinstance(specs, str | Spec) else list(specs)
