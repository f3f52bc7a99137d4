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
from functools import cache
from typing import Any, Protocol, runtime_checkable

from cartograd.core.errors import UsageError
from cartograd.data.text.tokens import ROLES, library, package

FROM, TO = "\U000f0000", "\U000f0001"
"""Marks around a control token that a message spells: letters for private use."""

SAID, DONE = "\U000f0002", "\U000f0003"
"""Marks around what the model itself says, where that is asked for."""

NO_MARKS = {ord(FROM): None, ord(TO): None, ord(SAID): None, ord(DONE): None}
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


@runtime_checkable
class Templated(Protocol):
    """A tokenizer that knows how a chat is written (`Tokenizer`)."""

    template: str
    document: dict[str, Any]
    special: dict[str, int]

    def token(self, number: int, /) -> str:
        """A token as its vocabulary spells it."""
        ...


def words_of(tokenizer: Templated, /) -> dict[str, str]:
    """What templates call the special tokens, and these."""
    named = {ROLES[role]: number for role, number in tokenizer.special.items() if role in ROLES}
    return {word: tokenizer.token(number) for word, number in named.items()}


def written(tokenizer: Templated, messages: Messages, /, *, answer: bool) -> list[str]:
    """A conversation in pieces: by turns what is to be read as usual, and what as plain text.

    Args:
        tokenizer: messages may not bring in its control tokens.
        messages: the conversation.
        answer: end where the model's answer begins.

    Raises:
        UsageError: there is no template, it is damaged, or it refuses the messages.
    """
    marks = spelled(tokenizer.document, tokenizer.template)
    text = told(tokenizer, cleaned(messages, marks), answer=answer)
    return parted(text, marks)


def parted(text: str, marks: re.Pattern[str], /) -> list[str]:
    """A text by turns as it is read as usual, and as marked tokens that a message spells."""
    return re.split(f"{FROM}({marks.pattern}){TO}", text)


def spelled(document: Mapping[str, Any], template: str, /) -> re.Pattern[str]:
    """What finds control tokens in a text, the longest first."""
    longest = sorted(controls(document, template), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest)) or "(?!)")


def cleaned(messages: Messages, marks: re.Pattern[str], /) -> list[dict[str, Any]]:
    """Messages with marks around the control tokens that they spell."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return [
        {key: marked(value, marks) for key, value in message.items() if value is not None}
        for message in messages
    ]


def told(
    tokenizer: Templated,
    messages: Sequence[Mapping[str, Any]],
    /,
    *,
    answer: bool = False,
    marking: bool = False,
) -> str:
    """What a template writes of messages that were `cleaned`.

    Args:
        tokenizer: with the template.
        messages: the conversation.
        answer: end where the model's answer begins.
        marking: put `SAID` and `DONE` around what stands in `{% generation %}`.

    Raises:
        UsageError: there is no template, it is damaged, or it refuses the messages.
    """
    if not tokenizer.template:
        raise UsageError("this tokenizer has no template for a chat; give plain text")
    said = {
        "messages": messages, "tools": None, "documents": None, "add_generation_prompt": answer,
    }  # fmt: skip
    return rendered(tokenizer.template, marking, **words_of(tokenizer), **said)


def marked(value: Any, marks: re.Pattern[str], /) -> Any:
    """A value of a message with marks around the control tokens that its texts spell."""
    if isinstance(value, str):
        return marks.sub(rf"{FROM}\g<0>{TO}", value.translate(NO_MARKS))
    if isinstance(value, Mapping):
        return {key: marked(item, marks) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [marked(item, marks) for item in value]
    return value


def encoded(
    pieces: Sequence[str], document: Mapping[str, Any], readers: Sequence[Any] | None = None, /
) -> list[int]:
    """What `written` gives as numbers.

    Args:
        pieces: by turns what is read as usual, and what is plain text.
        document: describes the tokenizer.
        readers: those of the document, where they are at hand.

    Raises:
        UsageError: the tokenizer makes a control token of plain text.
    """
    if document["model"].get("type") == "bytes":
        return list("".join(pieces).translate(NO_MARKS).encode())
    readers = readers_of(document) if readers is None else readers
    return [token for token, _, _ in placed(pieces, readers)]


def placed(pieces: Sequence[str], readers: Sequence[Any], /) -> list[tuple[int, int, int]]:
    """Tokens, each with where in the whole text (without marks) it begins and ends.

    Args:
        pieces: as of `encoded`.
        readers: what reads as usual, and what reads plain text (`readers_of`).

    Raises:
        UsageError: the tokenizer makes a control token of plain text.
    """
    lines = [reader.encode("\n", add_special_tokens=False).ids for reader in readers]
    found, begun = list[tuple[int, int, int]](), 0
    for place, piece in enumerate(pieces):
        text, reader, line = piece.translate(NO_MARKS), readers[place % 2], lines[place % 2]
        row = reader.encode(text if place == 0 else f"\n{text}", add_special_tokens=False)
        skipped = 0
        if place > 0:  # after a line's end: no space is put before what does not begin the text
            if row.ids[: len(line)] == line:
                skipped = len(line)
            else:
                row = reader.encode(text, add_special_tokens=False)
        ids, shift = row.ids[skipped:], begun - bool(skipped)
        if place % 2 and readers[0].token_to_id(text) in ids:
            raise UsageError(
                f"the message spells {text!r}, which this tokenizer cannot read as plain text; "
                "write it otherwise"
            )
        ends = row.offsets[skipped:]
        found += [(i, a + shift, b + shift) for i, (a, b) in zip(ids, ends, strict=True)]
        begun += len(text)
    return found


def readers_of(document: Mapping[str, Any], whole: Any = None, /) -> tuple[Any, Any]:
    """The package's tokenizer as it reads a template's text, and what a message spells.

    Args:
        document: describes the tokenizer.
        whole: the package's, where it is at hand.
    """
    whole = package(document) if whole is None else whole
    return whole, _unaware(whole)


def _unaware(tokenizer: Any, /) -> Any:
    """The package's tokenizer without its added tokens; the vocabulary is in memory once."""
    made = library().Tokenizer(tokenizer.model)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        own = getattr(tokenizer, part)
        if own is not None:
            setattr(made, part, own)
    return made


@cache
def _compiled(template: str, marking: bool) -> Any:
    return _room(marking).from_string(template)


def rendered(template: str, marking: bool = False, /, **values: Any) -> str:
    """A template with its values, in a sandbox: a template may come from anyone.

    Args:
        template: in Jinja's language.
        marking: put marks around what stands in `{% generation %}`.
        **values: by the names that it uses.

    Raises:
        UsageError: the template is damaged, or refuses the values.
    """
    from jinja2 import TemplateError

    try:
        return _compiled(template, marking).render(**values)
    except UsageError:
        raise
    except (
        TemplateError, TypeError, AttributeError, LookupError, ValueError, ArithmeticError,
        RecursionError,
    ) as error:  # fmt: skip
        raise UsageError(f"the template of the chat cannot be used: {error}") from error


def _room(marking: bool) -> Any:
    """Where templates are run, with marks around the model's own words or without."""
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
            return f"{SAID}{caller()}{DONE}" if marking else caller()

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
