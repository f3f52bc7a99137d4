"""The tokenizer of a GGUF file: its words and merges as a document of the package `tokenizers`."""

from typing import Any

from cartograd.core.errors import UsageError, unknown
from cartograd.data.gguf import GGUF
from cartograd.data.tokenizer import Tokenizer

_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 and Qwen cut text into words; they differ in how many digits stay together."""


def _byte_level(*, words: bool) -> dict[str, Any]:
    rule = {"add_prefix_space": False, "trim_offsets": False, "use_regex": words}
    return {"type": "ByteLevel"} | rule


def _in_order(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(steps)}


def _cut(pattern: str) -> dict[str, Any]:
    rule = {"pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return _in_order({"type": "Split"} | rule, _byte_level(words=False))


WORDS = {
    "default": _byte_level(words=True),
    "gpt-2": _byte_level(words=True),
    "smollm": _in_order({"type": "Digits", "individual_digits": True}, _byte_level(words=True)),
    "llama-bpe": _cut(_WORDS % "{1,3}"),
    "qwen2": _cut(_WORDS % ""),
}
"""How text is cut before merging, by the name that files give it."""

CONTROL, USER = 3, 4
"""Types of tokens that are found in the text before it is cut."""

ROLES = {"padding": "padding", "begin": "bos", "end": "eos", "unknown": "unknown", "mask": "mask"}
"""What files call them."""


def tokenizer_of(file: GGUF, /) -> Tokenizer:
    """The tokenizer in the header of a file.

    Raises:
        UsageError: there is none, or it is of a kind that is not known.
    """
    said = {
        name.removeprefix("tokenizer.ggml."): value
        for name, value in file.values.items()
        if name.startswith("tokenizer.ggml.")
    }
    if said.get("model") != "gpt2":
        raise UsageError(
            f"{file.path}: its tokenizer is of kind {said.get('model')!r}; only byte-level BPE "
            "('gpt2') can be read"
        )
    lacking = [name for name in ("tokens", "merges") if name not in said]
    if lacking:
        raise UsageError(f"{file.path}: its tokenizer has no {lacking[0]}")
    words = said.get("pre", "default")
    if words not in WORDS:
        raise unknown(f"way to cut text into words in {file.path}:", words, WORDS)
    special = {
        role: said[f"{word}_token_id"] for role, word in ROLES.items() if f"{word}_token_id" in said
    }
    chat = file.values.get("tokenizer.chat_template", "")
    return Tokenizer(_document(said, special, words), special=special, chat=chat)


def _document(said: dict[str, Any], special: dict[str, int], words: str) -> dict[str, Any]:
    tokens: list[str] = said["tokens"]
    types: list[int] = said.get("token_type") or [1] * len(tokens)
    added = [
        {
            "id": number, "content": token, "special": type_ == CONTROL, "single_word": False,
            "lstrip": False, "rstrip": False, "normalized": False,
        }
        for number, (token, type_) in enumerate(zip(tokens, types, strict=True))
        if type_ in (CONTROL, USER)
    ]  # fmt: skip
    model = {
        "type": "BPE", "vocab": {token: number for number, token in enumerate(tokens)},
        "merges": [merge.split(" ", 1) for merge in said["merges"]],
        "ignore_merges": words == "llama-bpe",
    }  # fmt: skip
    return {
        "version": "1.0", "added_tokens": added, "pre_tokenizer": WORDS[words],
        "decoder": _byte_level(words=True), "model": model,
        "post_processor": _around(said, special, tokens),
    }  # fmt: skip


def _around(said: dict[str, Any], special: dict[str, int], tokens: list[str]) -> Any:
    """What goes before and after each text, if anything does."""
    text: list[dict[str, Any]] = [{"Sequence": {"id": "A", "type_id": 0}}]
    used = {}
    for role, word in (("begin", "add_bos_token"), ("end", "add_eos_token")):
        if said.get(word) and role in special:
            token = tokens[special[role]]
            used[token] = {"id": token, "ids": [special[role]], "tokens": [token]}
            piece = {"SpecialToken": {"id": token, "type_id": 0}}
            text = [piece, *text] if role == "begin" else [*text, piece]
    if not used:
        return None
    pair = [*text, {"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": text, "pair": pair, "special_tokens": used}
