r"""CLIP's tokenizer of vocab.json and merges.txt: byte-level pairs within words of lower case.

A word ends with a piece of its own spelling (`cat</w>`), so that no space needs a token. A text
stands between `<|startoftext|>` and `<|endoftext|>`, and is filled up with the latter, which also
stands for what the vocabulary cannot spell.

References:
    Alec Radford et al. Learning transferable visual models from natural language supervision. ICML
    2021. https://arxiv.org/abs/2103.00020
    Rico Sennrich, Barry Haddow, Alexandra Birch. Neural machine translation of rare words with
    subword units. ACL 2016. https://arxiv.org/abs/1508.07909

>>> clip_tokens("no/such/folder")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/folder holds no vocab.json; expected a folder with ...
"""

import json
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
"""Around each text."""

WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
"""What a word is; pairs are merged within words only."""


def clip_tokens(folder: str | Path, /) -> Tokenizer:
    """The tokenizer of a folder with vocab.json and merges.txt.

    Raises:
        UsageError: one is missing, cannot be read, or they do not fit together.
    """
    where = Path(folder)
    texts = [_text(where, name) for name in ("vocab.json", "merges.txt")]
    try:
        vocabulary = json.loads(texts[0])
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where / 'vocab.json'} cannot be read: {error}") from error
    numbers = vocabulary.values() if isinstance(vocabulary, dict) else ()
    if not numbers or not all(type(number) is int for number in numbers):
        raise UsageError(
            f"{where / 'vocab.json'} is no vocabulary; expected an object with the number of each "
            "token"
        )
    lacking = [token for token in (BEGIN, END) if token not in vocabulary]
    if lacking:
        raise UsageError(f"{where / 'vocab.json'} has no token {lacking[0]!r}; CLIP's has")
    lines = [line for line in texts[1].splitlines() if line and not line.startswith("#version")]
    merges = [line.split(" ") for line in lines]
    for number, (line, pair) in enumerate(zip(lines, merges, strict=True), start=1):
        if len(pair) != 2 or any(one not in vocabulary for one in (*pair, "".join(pair))):
            raise UsageError(
                f"{where / 'merges.txt'}, merge {number}: {line!r:.60} does not join two tokens of "
                "vocab.json to a third"
            )
    tokenizer = Tokenizer(_document(vocabulary, merges))
    return tokenizer.told(begin=BEGIN, end=END, padding=END, unknown=END)


def _text(folder: Path, name: str) -> str:
    file = folder / name
    if not file.is_file():
        raise UsageError(
            f"{folder} holds no {name}; expected a folder with vocab.json and merges.txt, as CLIP's"
        )
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def _document(vocabulary: dict[str, int], merges: list[list[str]]) -> dict[str, Any]:
    """It all, as the package `tokenizers` takes it."""
    cut = {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Removed", "invert": True}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": vocabulary[token], "content": token, "special": True} | flags
            for token in sorted((BEGIN, END), key=lambda token: vocabulary[token])
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                {"type": "Lowercase"},
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence", "pretokenizers": [cut, level | {"use_regex": True}]
        },
        "post_processor": {
            "type": "RobertaProcessing", "sep": [END, vocabulary[END]],
            "cls": [BEGIN, vocabulary[BEGIN]], "trim_offsets": False, "add_prefix_space": False,
        },
        "decoder": level | {"use_regex": True},
        "model": {
            "type": "BPE", "vocab": vocabulary, "merges": merges, "unk_token": END,
            "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": False,
        },
    }  # fmt: skip
