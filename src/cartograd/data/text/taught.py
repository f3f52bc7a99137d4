"""Which tokens of a conversation a model learns to say: its answers, each with what ends it.

Tokens and mask are made together, from one text. What the template itself marks as the model's
(`{% generation %}`) counts; in a template without such marks, what it makes of each answer, found
by marks that are put around the answer before the template writes it; a blank between the prompt
and the answer is the model's to write, too. The control token that ends the turn belongs to the
answer: a model that never learns it never stops. A template that writes none after an answer, or
changes an answer so that it cannot be found, is refused.

References:
    Hugging Face: transformers 5.23, `apply_chat_template(return_assistant_tokens_mask=True)`.
    https://huggingface.co/docs/transformers/chat_templating
"""

import re
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.text.chat import (
    DONE,
    NO_MARKS,
    SAID,
    Messages,
    cleaned,
    controls,
    parted,
    placed,
    spelled,
    told,
)  # fmt: skip
from cartograd.data.text.tokenizer import Tokenizer

ASSISTANT = "assistant"

MARKED = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")
"""Where a template says itself what the model's words are."""

Span = tuple[int, int]
"""Where in a text something begins and ends."""


def taught(tokenizer: Tokenizer, messages: Messages, /) -> tuple[list[int], list[bool]]:
    """A conversation as tokens, and which of them the model learns to say.

    Args:
        tokenizer: with a template.
        messages: the conversation.

    Raises:
        UsageError: there is no template, it is damaged or refuses the messages, it says something
            else than an answer, or nothing ends an answer.
    """
    template, document = tokenizer.template, tokenizer.document
    if tokenizer.readers is None:
        raise UsageError("bytes have no token that ends an answer; take another tokenizer")
    marks = spelled(document, template)
    given = cleaned(messages, marks)
    text = _marked(tokenizer, given)
    spans, whole = _spans(text), text.translate(NO_MARKS)
    if not MARKED.search(template):
        prompt = _prompt(tokenizer)
        spans = [(_begin(whole, a, prompt), b) for a, b in spans]
    answers = sum(one["role"] == ASSISTANT for one in given)
    if len(spans) < answers:
        raise UsageError(
            f"the template of the chat writes {len(spans)} of {answers} answers; expected all: "
            "take answers out that it leaves out, or another template"
        )
    found = placed(parted(text, marks), tokenizer.readers)
    ending = {tokenizer.number(one) for one in controls(document, template)}
    counts = [False] * len(found)
    for span in spans:
        for place in _said(found, span, ending, whole):
            counts[place] = True
    return [token for token, _, _ in found], counts


def _marked(tokenizer: Tokenizer, given: list[dict[str, Any]]) -> str:
    """The text with marks around the model's own words.

    Raises:
        UsageError: the template changes what an answer says.
    """
    if MARKED.search(tokenizer.template):
        return told(tokenizer, given, marking=True)
    plain = told(tokenizer, given)
    for cut in (str, str.strip):  # most templates strip what is said
        text = told(tokenizer, [_around(one, cut) for one in given])
        if text.translate({ord(SAID): None, ord(DONE): None}) == plain:
            return text
    raise UsageError(
        "the template of the chat changes what answers say, so that nothing tells which tokens are "
        "the model's; expected one with {% generation %} around these"
    )


def _prompt(tokenizer: Tokenizer) -> str:
    """What a template writes before an answer that is to come; maybe nothing."""
    asked = [{"role": "user", "content": "?"}]
    before, after = told(tokenizer, asked), told(tokenizer, asked, answer=True)
    return after.removeprefix(before) if after.startswith(before) else ""


def _begin(text: str, place: int, prompt: str) -> int:
    """Where the model begins to write: blanks that do not belong to the prompt are its own."""
    first = len(text[:place].rstrip())
    if not prompt:
        return first
    return next((i for i in range(place, first - 1, -1) if text[:i].endswith(prompt)), place)


def _around(message: dict[str, Any], cut: Any) -> dict[str, Any]:
    if message["role"] != ASSISTANT:
        return message
    return message | {"content": f"{SAID}{cut(message['content'])}{DONE}"}


def _spans(text: str) -> list[Span]:
    """Where the model's own words stand, in the text without marks."""
    spans, place, begun = list[Span](), 0, 0
    for part in re.split(f"([{SAID}{DONE}])", text):
        if part == SAID:
            begun = place
        elif part == DONE:
            spans.append((begun, place))
        else:
            place += len(part.translate(NO_MARKS))
    return spans


def _said(
    found: list[tuple[int, int, int]], span: Span, ending: set[int | None], text: str
) -> range:
    """The tokens of one answer, up to the one that ends it.

    Raises:
        UsageError: none does.
    """
    inside = [i for i, (_, a, b) in enumerate(found) if a < span[1] and b > span[0]]
    if not inside:
        raise UsageError("the template of the chat writes an answer without a token")
    first, last = inside[0], inside[-1]
    if any(found[i][0] in ending for i in inside):
        return range(first, last + 1)
    for place in range(last + 1, len(found)):
        token, begins, ends = found[place]
        if token in ending:
            return range(first, place + 1)
        if text[begins:ends].strip():
            break
    raise UsageError(
        "the template of the chat writes no control token after an answer, so that a model would "
        "never learn to stop; expected one such as <|im_end|> or </s>"
    )
