"""The tokenizer of a GGUF file: its words and merges as a document of the package `tokenizers`."""

from collections.abc import Callable
from typing import Any

from cartograd.core.errors import UsageError, unknown
from cartograd.data.gguf.reader import GGUF
from cartograd.data.text import sentence_pieces
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import ENDS

_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 and Qwen cut text into words; they differ in how many digits stay together."""


_CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]%s[\p{Ll}\p{Lm}\p{Lo}\p{M}]%s"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
)
_TURNS = (
    _CASED % ("*", "+") + "|" + _CASED % ("+", "*") +
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)  # fmt: skip
"""How gpt-oss does: a capital begins another word."""


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
    "gpt-4o": _cut(_TURNS),
}
"""How text is cut before merging, by the name that files give it."""

CONTROL, USER = 3, 4
"""Types of tokens that are found in the text before it is cut."""

ROLES = {"padding": "padding", "begin": "bos", "end": "eos", "unknown": "unknown", "mask": "mask"}
"""What files call them."""

TURNS = ("eot_token_id", "eom_token_id")
"""Tokens that end a turn or a message, where a file names them: an answer ends there, too."""


def tokenizer_of(file: GGUF, /) -> Tokenizer:
    """The tokenizer in the header of a file: byte-level BPE, or SentencePiece's.

    Raises:
        UsageError: there is none, or it is of a kind that is not known.
    """
    said: dict[str, Any] = {
        name.removeprefix("tokenizer.ggml."): value
        for name, value in file.values.items()
        if name.startswith("tokenizer.ggml.")
    }
    kind = said.get("model")
    if kind not in PARTS:
        raise UsageError(
            f"{file.path}: its tokenizer is of kind {kind!r}; only byte-level BPE ('gpt2') and "
            "SentencePiece's ('llama') can be read"
        )
    needed, usual, parts = PARTS[kind]
    lacking = [name for name in ("tokens", needed) if name not in said]
    if lacking:
        raise UsageError(f"{file.path}: its tokenizer has no {lacking[0]}")
    plain: dict[str, Any] = {"token_type": [1] * len(said["tokens"])}
    said = plain | usual | said
    for name in ("token_type", "scores"):
        if len(said.get(name, said["tokens"])) != len(said["tokens"]):
            raise UsageError(
                f"{file.path}: its tokenizer has {len(said['tokens'])} tokens and "
                f"{len(said[name])} of {name}"
            )
    special = {
        role: said[f"{word}_token_id"] for role, word in ROLES.items() if f"{word}_token_id" in said
    }
    turns = [said[name] for name in TURNS if name in said]
    if turns:
        usual_ends = [said["tokens"].index(word) for word in ENDS if word in said["tokens"]]
        named = [*turns, *usual_ends, *(special[role] for role in ("end",) if role in special)]
        special |= {f"stop {place}": number for place, number in enumerate(named, start=1)}
    beyond = [role for role, number in special.items() if not 0 <= number < len(said["tokens"])]
    if beyond:
        raise UsageError(
            f"{file.path}: its tokenizer has {len(said['tokens'])} tokens, and that for "
            f"{beyond[0]!r} would be number {special[beyond[0]]}"
        )
    document = {
        "version": "1.0", "added_tokens": _added(said),
        "post_processor": _around(said, special, said["tokens"]), **parts(file, said),
    }  # fmt: skip
    return Tokenizer(document, special=special, chat=file.values.get("tokenizer.chat_template", ""))


def _added(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": number, "content": token, "special": type_ == CONTROL, "single_word": False,
            "lstrip": False, "rstrip": False, "normalized": False,
        }
        for number, (token, type_) in enumerate(
            zip(said["tokens"], said["token_type"], strict=True)
        )
        if type_ in (CONTROL, USER)
    ]  # fmt: skip


def _byte_level_bpe(file: GGUF, said: dict[str, Any]) -> dict[str, Any]:
    words = said.get("pre", "default")
    if words not in WORDS:
        raise unknown(f"way to cut text into words in {file.path}:", words, WORDS)
    model = {
        "type": "BPE", "vocab": {token: number for number, token in enumerate(said["tokens"])},
        "merges": [merge.split(" ", 1) for merge in said["merges"]],
        "ignore_merges": words == "llama-bpe",
    }  # fmt: skip
    return {"pre_tokenizer": WORDS[words], "decoder": _byte_level(words=True), "model": model}


def _sentence_pieces(_file: GGUF, said: dict[str, Any]) -> dict[str, Any]:
    return sentence_pieces.parts(
        said["tokens"], said["scores"], said["token_type"],
        unknown=said["tokens"][said["unknown_token_id"]], spaced=said["add_space_prefix"],
    )  # fmt: skip


PARTS: dict[str, tuple[str, dict[str, Any], Callable[[GGUF, dict[str, Any]], dict[str, Any]]]] = {
    "gpt2": ("merges", {}, _byte_level_bpe),
    "llama": (
        "scores",
        {
            "bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0, "add_bos_token": True,
            "add_space_prefix": True,
        },
        _sentence_pieces,
    ),
}  # fmt: skip
"""By the kind that files name: what it needs, what holds where a file is silent, its parts."""


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
