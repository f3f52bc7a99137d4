r"""The bytes that each token of a vocabulary writes, whatever stands before it.

Vocabularies spell bytes in their own ways: GPT-2's kind gives each byte a letter, SentencePiece's
writes a space as `▁` and bytes without a piece as `<0x0A>`.

References:
    Alec Radford et al. Language models are unsupervised multitask learners. 2019.
    https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
    Taku Kudo, John Richardson. SentencePiece. EMNLP 2018. https://arxiv.org/abs/1808.06226

>>> token_bytes(Tokenizer.bytes(special=True))[254:258]
[b'\xfe', b'\xff', None, None]
"""

import re
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import tokens_of

SPACE = "▁"
"""How SentencePiece writes a space."""

BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def token_bytes(tokenizer: Tokenizer, /) -> list[bytes | None]:
    """The bytes of each token by its number; None for tokens that write nothing.

    Raises:
        UsageError: its tokens write different things at different places, as WordPiece's do.
    """
    document = tokenizer.document
    found: list[bytes | None] = [None] * tokenizer.vocabulary
    if document["model"].get("type") == "bytes":
        found[:256] = [bytes([number]) for number in range(256)]
        return found
    added = {item["id"]: item for item in document.get("added_tokens") or ()}
    decoders = {one["type"]: one for one in _parts(document.get("decoder"))}
    if "ByteLevel" in decoders:
        letters = {letter: byte for byte, letter in enumerate(_letters())}
    elif "Metaspace" in decoders or _swaps_spaces(decoders):
        letters = None
    else:
        raise UsageError(
            "this tokenizer's words do not keep their spaces, so that no text can be spelled by "
            "its tokens; take a model whose tokens are of bytes (BPE) or SentencePiece's"
        )
    for token, number in tokens_of(document).items():
        if number in added:
            special = added[number].get("special") or number in tokenizer.special.values()
            found[number] = None if special else token.encode()
        elif letters is not None:
            known = all(letter in letters for letter in token)
            found[number] = bytes(letters[letter] for letter in token) if known else token.encode()
        else:
            byte = BYTE.fullmatch(token)
            found[number] = (
                bytes([int(byte[1], 16)]) if byte else token.replace(SPACE, " ").encode()
            )
    for number in (tokenizer.unknown, *tokenizer.special.values()):
        if number is not None:
            found[number] = None
    return found


def _parts(described: Any) -> list[dict[str, Any]]:
    """A decoder's parts, in order."""
    if not isinstance(described, dict):
        return []
    if described.get("type") == "Sequence":
        return [part for one in described.get("decoders") or () for part in _parts(one)]
    return [described]


def _swaps_spaces(decoders: dict[str, dict[str, Any]]) -> bool:
    swap = decoders.get("Replace", {})
    return swap.get("pattern") == {"String": SPACE} and swap.get("content") == " "


def _letters() -> list[str]:
    """The letter that stands for each byte: itself where it is seen, others from 256 up."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    more = iter(range(256, 512))
    return [chr(byte if byte in seen else next(more)) for byte in range(256)]
