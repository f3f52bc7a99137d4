"""What is written around texts before a model reads them: an instruction, or a whole question.

Models that embed or compare texts are trained on texts in a frame. `prompt` stands in front of each
text; with `pair`, the roles of two texts, a pair is written as a chat by the tokenizer's template,
and `prompt` is what the system says. What a text of a pair spells never becomes a control token.

References:
    Hugging Face: sentence-transformers 6.2, prompts and `modality_config`. https://sbert.net
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from cartograd.core.errors import UsageError
from cartograd.data.text.chat import Messages
from cartograd.data.text.tokens import Written, cut, numbered


@runtime_checkable
class Framed(Protocol):
    """A tokenizer with a frame (`Tokenizer`)."""

    frame: dict[str, Any]
    longest: int | None
    end: int | None

    @property
    def inner(self) -> Any:
        """The package's tokenizer."""
        ...

    def chat_numbers(self, messages: Messages, /) -> list[int]:
        """A conversation as numbers."""
        ...


def framed(
    tokenizer: Framed, texts: Sequence[Written], /, *, special: bool = True
) -> list[list[int]]:
    """Texts, or pairs, as numbers with what stands around them.

    Args:
        tokenizer: with a `frame`.
        texts: or pairs.
        special: with the tokens that the model expects around a text.

    Raises:
        UsageError: a pair where there is no frame for one, or a text where pairs are compared.
    """
    if "pair" in tokenizer.frame:
        return [tokenizer.chat_numbers(_messages(tokenizer.frame, one)) for one in texts]
    prompt, found = tokenizer.frame["prompt"], list[str]()
    for one in texts:
        if not isinstance(one, str):
            raise UsageError(f"the prompt {prompt[:40]!r} is for a text; expected no pairs")
        found.append(prompt + one)
    return numbered(tokenizer.inner, found, tokenizer.longest, tokenizer.end, special=special)


def places(tokenizer: Framed, text: str, /) -> list[tuple[int, int]]:
    """Where in the text each of its numbers comes from; `(0, 0)` of the prompt's.

    Raises:
        UsageError: the tokenizer reads pairs.
    """
    if "pair" in tokenizer.frame:
        raise UsageError("this tokenizer reads pairs of texts; a single one has no places")
    prompt = tokenizer.frame["prompt"]
    one = tokenizer.inner.encode(prompt + text)
    moved = [(max(0, a - len(prompt)), max(0, b - len(prompt))) for a, b in one.offsets]
    return cut(moved, one.ids, tokenizer.longest, tokenizer.end)


def _messages(frame: Mapping[str, Any], pair: Written) -> list[dict[str, str]]:
    """A pair as a conversation."""
    if isinstance(pair, str):
        roles = " and a ".join(frame["pair"])
        raise UsageError(f"this model compares two texts, a {roles}; expected a pair")
    said = [{"role": role, "content": one} for role, one in zip(frame["pair"], pair, strict=True)]
    prompt = frame.get("prompt")
    return ([{"role": "system", "content": prompt}] if prompt else []) + said
