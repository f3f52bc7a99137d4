"""A tokenizer as the files that Hugging Face's readers take: the way back from `published`.

tokenizer.json is the document that we keep anyway; tokenizer_config.json says which token means
what, and generation_config.json where texts end and how they are written, if that is more than one
token says. Bytes, which need no package here, become a vocabulary of their 256 letters without
merges: the same numbers.
"""

from collections.abc import Mapping
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import ROLES

ENDINGS = {"full": True, "likely": False, "certain": "never"}
"""What our beam search calls `early_stopping`."""


def files_of(tokenizer: Tokenizer, /) -> dict[str, dict[str, Any]]:
    """The contents of the files by their names.

    Raises:
        UsageError: texts stand in a frame, which these files cannot say.
    """
    if tokenizer.frame:
        raise UsageError(
            "this model reads texts in a frame (a prompt, or a query with a document), which the "
            "files of a tokenizer cannot say; expected a model of plain texts, or --to onnx"
        )
    named = {
        ROLES[role]: tokenizer.token(number)
        for role, number in tokenizer.special.items()
        if role in ROLES
    }
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"} | named
    config |= {"clean_up_tokenization_spaces": False}
    if tokenizer.longest is not None:
        config["model_max_length"] = tokenizer.longest
    if tokenizer.template:
        config["chat_template"] = tokenizer.template
    files = {"tokenizer.json": published(tokenizer), "tokenizer_config.json": config}
    if tokenizer.stops or tokenizer.manner:
        files["generation_config.json"] = _generation(tokenizer)
    return files


def published(tokenizer: Tokenizer, /) -> dict[str, Any]:
    """The document, which the package `tokenizers` reads."""
    if tokenizer.document["model"].get("type") != "bytes":
        return tokenizer.document
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    level |= {"use_regex": False}
    special = {number: tokenizer.token(number) for number in tokenizer.special.values()}
    return {
        "version": "1.0", "added_tokens": [added(number, text) for number, text in special.items()],
        "normalizer": None, "pre_tokenizer": level, "decoder": level, "post_processor": None,
        "model": {
            "type": "BPE", "merges": [],
            "vocab": letters() | {text: number for number, text in special.items()},
        },
    }  # fmt: skip


def added(number: int, text: str, /) -> dict[str, Any]:
    """A special token as documents list them."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": text} | flags | {"special": True}


def letters() -> dict[str, int]:
    """The letter that byte-level vocabularies write for each byte: itself, where it is printed."""
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printed]
    found = {chr(byte): byte for byte in printed}
    return found | {chr(256 + place): byte for place, byte in enumerate(others)}


def _generation(tokenizer: Tokenizer) -> dict[str, Any]:
    """Where texts begin and end, and how the model writes."""
    stops = [number for role, number in tokenizer.special.items() if role not in ROLES]
    said: dict[str, Any] = {
        "bos_token_id": tokenizer.begin, "pad_token_id": tokenizer.padding,
        "eos_token_id": stops or tokenizer.end,
    }  # fmt: skip
    return said | _manner(tokenizer.manner)


def _manner(manner: Mapping[str, Any]) -> dict[str, Any]:
    words = {
        "beams": "num_beams", "ending": "early_stopping", "ngram": "no_repeat_ngram_size",
        "first": "forced_bos_token_id", "last": "forced_eos_token_id", "least": "min_length",
    }  # fmt: skip
    return {
        words.get(key, key): ENDINGS[value] if key == "ending" else value
        for key, value in manner.items()
    }
