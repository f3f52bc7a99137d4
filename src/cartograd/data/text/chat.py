"""Conversations as the text that a model was trained on, by templates in Jinja's language.

What a template may use is what transformers gives it: `break` and `continue`, `{% generation %}`,
`tojson` without HTML's escapes, `strftime_now`, `raise_exception`, and `tools` and `documents` that
are none. What a message spells never becomes a control token: it is marked before the template
writes it, and read as plain text after.

References:
    Hugging Face: transformers 5.23, `utils/chat_template_utils.py`.
    https://huggingface.co/docs/transformers/chat_templating
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.text.tokens import package

FROM, TO = "\U000f0000", "\U000f0001"
"""Marks around a control token that a message spells: letters for private use."""

NO_MARKS = {ord(FROM): None, ord(TO): None}
"""Takes lone marks out, where a template has cut a marked token in two."""

Messages = str | Sequence[Mapping[str, Any]]
"""Each with `role` and `content`; a plain text is a message of the user."""


def controls(document: Mapping[str, Any], template: str, /) -> list[str]:
    """The tokens that only the template may write: special ones, and others that it spells."""
    return [
        token["content"]
        for token in document.get("added_tokens") or ()
        if token.get("special") or (token["content"] in template and token["content"].strip())
    ]


def written(
    template: str,
    messages: Messages,
    document: Mapping[str, Any],
    /,
    *,
    answer: bool,
    words: Mapping[str, str],
) -> list[str]:
    """A conversation in pieces: by turns what is to be read as usual, and what as plain text.

    Args:
        template: in Jinja's language.
        messages: the conversation.
        document: describes the tokenizer; messages may not bring in its control tokens.
        answer: end where the model's answer begins.
        words: further values for the template, such as `bos_token`.

    Raises:
        UsageError: the template is damaged, or refuses the messages.
    """
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    longest = sorted(controls(document, template), key=len, reverse=True)
    marks = re.compile("|".join(map(re.escape, longest)) or "(?!)")
    given = [
        {key: marked(value, marks) for key, value in message.items() if value is not None}
        for message in messages
    ]
    said = {"messages": given, "tools": None, "documents": None, "add_generation_prompt": answer}
    text = rendered(template, **words, **said)
    return re.split(f"{FROM}({marks.pattern}){TO}", text)


def marked(value: Any, marks: re.Pattern[str], /) -> Any:
    """A value of a message with marks around the control tokens that its texts spell."""
    if isinstance(value, str):
        return marks.sub(rf"{FROM}\g<0>{TO}", value.translate(NO_MARKS))
    if isinstance(value, Mapping):
        return {key: marked(item, marks) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [marked(item, marks) for item in value]
    return value


def encoded(pieces: Sequence[str], document: Mapping[str, Any], /) -> list[int]:
    """What `written` gives as numbers.

    Args:
        pieces: by turns what is read as usual, and what is plain text.
        document: describes the tokenizer.

    Raises:
        UsageError: the tokenizer makes a control token of plain text.
    """
    if document["model"].get("type") == "bytes":
        return list("".join(pieces).translate(NO_MARKS).encode())
    readers = package(document), package({**document, "added_tokens": []})
    lines = [reader.encode("\n", add_special_tokens=False).ids for reader in readers]
    found: list[int] = []
    for place, piece in enumerate(pieces):
        text, reader, line = piece.translate(NO_MARKS), readers[place % 2], lines[place % 2]
        row = reader.encode(text if place == 0 else f"\n{text}", add_special_tokens=False).ids
        if place > 0:  # after a line's end: no space is put before what does not begin the text
            inside = row[: len(line)] == line
            row = row[len(line) :] if inside else reader.encode(text, add_special_tokens=False).ids
        if place % 2 and readers[0].token_to_id(text) in row:
            raise UsageError(
                f"the message spells {text!r}, which this tokenizer cannot read as plain text; "
                "write it otherwise"
            )
        found += row
    return found


def rendered(template: str, /, **values: Any) -> str:
    """A template with its values, in a sandbox: a template may come from anyone.

    Raises:
        UsageError: the template is damaged, or refuses the values.
    """
    from jinja2 import TemplateError

    try:
        return _room().from_string(template).render(**values)
    except UsageError:
        raise
    except (
        TemplateError, TypeError, AttributeError, LookupError, ValueError, ArithmeticError,
        RecursionError,
    ) as error:  # fmt: skip
        raise UsageError(f"the template of the chat cannot be used: {error}") from error


def _room() -> Any:
    """Where templates are run."""
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}`: marks the model's own words for training, and shows them."""

        tags = {"generation"}  # noqa: RUF012  as Jinja declares it

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            call = self.call_method("_shown")
            return nodes.CallBlock(call, [], [], body).set_lineno(line)

        def _shown(self, caller: Callable[[], str]) -> str:
            return caller()

    room = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    room.filters["tojson"] = _json
    room.globals["raise_exception"] = _refuse
    room.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return room


def _json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> None:
    raise UsageError(f"the template of the chat says: {message}")
