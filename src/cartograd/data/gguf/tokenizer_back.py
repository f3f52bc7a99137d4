"""A tokenizer as the header of a GGUF file: the way back from `tokenizer`.

Byte-level BPE and SentencePiece's can be said. Others (pieces of words) are refused: llama.cpp
would read their words with rules of its own.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.gguf.pieces_back import is_pieces, pieces_of
from cartograd.data.gguf.tokenizer import CONTROL, ROLES, USER, WORDS
from cartograd.data.text.published_files import published
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import tokens_of

NORMAL, UNUSED = 1, 5
"""Types of tokens that are joined from others, and of rows of a matrix that have none."""


def values_of(tokenizer: Tokenizer, rows: int, /) -> dict[str, Any]:
    """The values under `tokenizer.`.

    Args:
        tokenizer: byte-level BPE, SentencePiece's, or bytes.
        rows: of the model's matrix; those beyond the vocabulary get tokens that nothing writes.

    Raises:
        UsageError: it is of another kind, or cuts texts in a way that the format has no name for.
    """
    document = published(tokenizer)
    model, numbers = document["model"], tokens_of(document)
    pieces = is_pieces(document)
    if pieces and None in (tokenizer.begin, tokenizer.end):
        raise UsageError(
            "its tokenizer has no tokens for begin and end, and llama.cpp takes 1 and 2"
        )
    words = "" if pieces else _words(document)
    named = {number: token for token, number in numbers.items()}
    tokens = [named.get(number, f"[PAD{number}]") for number in range(rows)]
    special = {one["content"]: one["special"] for one in document.get("added_tokens") or ()}
    types = [
        (CONTROL if special[token] else USER) if token in special
        else NORMAL if token in numbers else UNUSED
        for token in tokens
    ]  # fmt: skip
    first, last = _around(document, tokenizer)
    ids = {
        f"{word}_token_id": tokenizer.special[role]
        for role, word in ROLES.items() if role in tokenizer.special
    }  # fmt: skip
    turns = [number for number in sorted(tokenizer.stops) if number != tokenizer.end]
    ids |= {"eot_token_id": turns[0]} if turns else {}
    around = {"add_bos_token": first, "add_eos_token": last}
    if pieces:
        said = pieces_of(document, tokens, types) | around | ids
    else:
        merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
        said = {"model": "gpt2", "pre": words, "tokens": tokens, "token_type": types}
        said |= {"merges": merges} | around | ids
    found = {f"tokenizer.ggml.{key}": value for key, value in said.items()}
    return found | ({"tokenizer.chat_template": tokenizer.template} if tokenizer.template else {})


def _words(document: Mapping[str, Any]) -> str:
    """The format's name of how texts are cut before merging.

    Raises:
        UsageError: it has none.
    """
    model, cut = document["model"], document.get("pre_tokenizer")
    plain = model.get("type") == "BPE" and not document.get("normalizer")
    odd = [key for key in ("dropout", "byte_fallback", "continuing_subword_prefix",
                           "end_of_word_suffix") if model.get(key)]  # fmt: skip
    if plain and not odd and not model["merges"]:
        return "gpt-2"  # nothing is merged, so that it does not matter how texts are cut
    same = [name for name, how in WORDS.items() if _bare(how) == _bare(cut)]
    whole = [name for name in same if (name == "llama-bpe") == bool(model.get("ignore_merges"))]
    if not plain or odd or not whole:
        raise UsageError(
            f"its tokenizer ({model.get('type')}) has no name in GGUF; expected byte-level BPE "
            f"that cuts texts as one of {', '.join(WORDS)}, SentencePiece's, or bytes"
        )
    return "gpt-2" if "gpt-2" in whole else whole[0]


def _bare(cut: Any) -> Any:
    """How texts are cut, without what changes no number."""
    if isinstance(cut, Mapping):
        return {key: _bare(value) for key, value in cut.items() if key != "trim_offsets"}
    return [_bare(one) for one in cut] if isinstance(cut, list) else cut


def _around(document: Mapping[str, Any], tokenizer: Tokenizer) -> tuple[bool, bool]:
    """Whether a text gets a token at its begin, and at its end.

    Raises:
        UsageError: it gets others.
    """
    for step in _steps(document.get("post_processor")):
        if step.get("type") != "TemplateProcessing":
            continue
        ids = {key: one["ids"] for key, one in step["special_tokens"].items()}
        single = [ids[one["SpecialToken"]["id"]] if "SpecialToken" in one else "text"
                  for one in step["single"]]  # fmt: skip
        begin, end = [tokenizer.begin], [tokenizer.end]
        first, last = single[0] == begin, single[-1] == end
        if single != [*[begin] * first, "text", *[end] * last]:
            raise UsageError("its tokenizer puts other tokens around a text than begin and end")
        return first, last
    return False, False


def _steps(processor: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(processor, Mapping):
        yield processor
        for one in processor.get("processors") or ():
            yield from _steps(one)
