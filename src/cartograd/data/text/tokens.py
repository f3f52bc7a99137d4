"""What `Tokenizer` asks of the package `tokenizers`, and of its JSON format."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from jaxtyping import Int

from cartograd.core import arrays
from cartograd.core.arrays import Tensor
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port

KINDS = ("bpe", "wordpiece", "unigram")
"""What can be trained."""

SPECIAL = {
    "padding": "<pad>", "unknown": "<unk>", "begin": "<s>", "end": "</s>", "mask": "<mask>",
}  # fmt: skip
"""The first tokens of a tokenizer that we train."""

NUMBERS = {role: number for number, role in enumerate(SPECIAL)}
"""Their numbers."""

ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "</s>")
"""Tokens that end an answer in pretrained vocabularies, besides the tokenizer's own."""

ROLES = {
    "padding": "pad_token", "begin": "bos_token", "end": "eos_token", "unknown": "unk_token",
    "mask": "mask_token",
}  # fmt: skip
"""What tokenizer_config.json calls them."""

USUAL = {
    "padding": ("<pad>", "[PAD]", "<|pad|>", "<|padding|>"),
    "begin": ("<s>", "[CLS]", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>"),
    "end": ("</s>", "[SEP]", "<eos>", "<|end_of_text|>", "<|endoftext|>"),
    "unknown": ("<unk>", "[UNK]", "<|endoftext|>"),
    "mask": ("<mask>", "[MASK]"),
}
"""How special tokens are usually written, where the files do not name them."""


Written = str | tuple[str, str]
"""A text, or a pair of texts that a model reads together."""

UNUSED = 0.1
"""Share of a model's vocabulary that may have no token: sizes are rounded up for speed."""


def package(document: Mapping[str, Any], /) -> Any:
    """The package's tokenizer for a JSON document, without truncation and padding of its own.

    Raises:
        UsageError: the package is missing, or the document is not of its format.
    """
    if arrays.SLIM and find_spec("tokenizers") is None:
        from cartograd.data.text.plain_tokens import PlainTokens  # of the slim runtime

        return PlainTokens(document)
    made = library().Tokenizer
    _check_added(document.get("post_processor"))
    try:
        tokenizer = made.from_str(json.dumps(document))
    except Exception as error:  # the package raises nothing more special
        raise UsageError(f"this describes no tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _check_added(described: Any) -> None:
    """Refuse a template around texts with a token that it does not describe: the package panics.

    Raises:
        UsageError: which.
    """
    if not isinstance(described, dict):
        return
    for inner in _listed(described.get("processors")):
        _check_added(inner)
    known = described.get("special_tokens")
    if described.get("type") != "TemplateProcessing" or not isinstance(known, dict):
        return
    for side in ("single", "pair"):
        for piece in _listed(described.get(side)):
            token = piece.get("SpecialToken") if isinstance(piece, dict) else None
            name = token.get("id") if isinstance(token, dict) else None
            if isinstance(name, str) and name not in known:
                raise UsageError(
                    f"this describes no tokenizer: its template writes {name!r}, which is not "
                    "among its special_tokens"
                )


def _listed(value: Any) -> list[Any]:
    """A list; of anything else, which the package refuses, none."""
    return value if isinstance(value, list) else []


def library() -> Any:
    """The package.

    Raises:
        UsageError: it is missing.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise UsageError(
            "text needs the package 'tokenizers': pip install 'cartograd[text]'"
        ) from error
    return tokenizers


def tokens_of(document: Mapping[str, Any], /) -> dict[str, int]:
    """Every token of a document with its number, read without the package."""
    vocabulary = document["model"].get("vocab", {})
    if isinstance(vocabulary, list):  # unigram: pairs of a token and how likely it is
        vocabulary = {item[0]: number for number, item in enumerate(vocabulary)}
    added = {item["content"]: item["id"] for item in document.get("added_tokens") or ()}
    return {**vocabulary, **added}


def size(document: Mapping[str, Any], special: Mapping[str, int], /) -> int:
    """The largest number of a token, and one."""
    least = 255 if document["model"].get("type") == "bytes" else -1
    return 1 + max(least, *tokens_of(document).values(), *special.values(), -1)


def guessed(document: Mapping[str, Any], /) -> dict[str, int]:
    """The special tokens, by how they are written."""
    tokens = tokens_of(document)
    return {
        role: tokens[word]
        for role, words in USUAL.items()
        if (word := next((word for word in words if word in tokens), None)) is not None
    }


def trained(texts: Iterable[str], vocabulary: int, kind: str, /) -> dict[str, Any]:
    """The document of a tokenizer that has learned from texts.

    Raises:
        UsageError: an unknown kind, too small a vocabulary, or the package is missing.
    """
    if kind not in KINDS:
        raise unknown("kind of tokenizer", kind, KINDS)
    least = len(SPECIAL) + (256 if kind == "bpe" else 1)
    if vocabulary < least:
        raise UsageError(f"vocabulary={vocabulary} is too small; {kind} needs at least {least}")
    parts = library()
    special = list(SPECIAL.values())
    settings = {"vocab_size": vocabulary, "special_tokens": special, "show_progress": False}
    if kind == "bpe":
        made = parts.Tokenizer(parts.models.BPE())
        made.pre_tokenizer = parts.pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = parts.decoders.ByteLevel()
        alphabet = parts.pre_tokenizers.ByteLevel.alphabet()
        trainer = parts.trainers.BpeTrainer(initial_alphabet=alphabet, **settings)
    elif kind == "wordpiece":
        made = parts.Tokenizer(parts.models.WordPiece(unk_token=SPECIAL["unknown"]))
        made.normalizer = parts.normalizers.NFC()
        made.pre_tokenizer = parts.pre_tokenizers.BertPreTokenizer()
        made.decoder = parts.decoders.WordPiece()
        texts = list(texts)
        # The trainer numbers letters inside of words in no order; numbered before, they have one.
        counted = Counter(c for text in texts for c in made.normalizer.normalize_str(text))
        counted -= Counter({c: n for c, n in counted.items() if c.isspace()})
        letters = sorted(c for c, _ in sorted(counted.most_common(vocabulary // 4)))
        settings["special_tokens"] = [*special, *(f"##{letter}" for letter in letters)]
        settings |= {"initial_alphabet": letters, "limit_alphabet": len(letters)}
        trainer = parts.trainers.WordPieceTrainer(**settings)
    else:
        made = parts.Tokenizer(parts.models.Unigram())
        made.normalizer = parts.normalizers.NFKC()
        made.pre_tokenizer = parts.pre_tokenizers.Metaspace()
        made.decoder = parts.decoders.Metaspace()
        trainer = parts.trainers.UnigramTrainer(unk_token=SPECIAL["unknown"], **settings)
    made.train_from_iterator(texts, trainer)
    document = json.loads(made.to_str())
    document["added_tokens"] = document["added_tokens"][: len(special)]
    return document


def numbered(
    inner: Any,
    texts: Sequence[Written],
    longest: int | None,
    end: int | None,
    /,
    *,
    special: bool,
) -> list[list[int]]:
    """Texts, and pairs of texts, as the package numbers them, none longer than so many tokens.

    Of a pair the longer text is cut at its end until both fit, so that what stands around them
    stays.

    Args:
        inner: the package's tokenizer.
        texts: or pairs.
        longest: how many tokens a text, or both of a pair, may have.
        end: the token that ends a text, which stays.
        special: with the tokens that a model expects around them.
    """
    pairs = longest is not None and any(isinstance(one, tuple) for one in texts)
    if pairs:
        inner.enable_truncation(longest, strategy="longest_first")
    try:
        found = inner.encode_batch_fast(list(texts), add_special_tokens=special)
    finally:
        if pairs:
            inner.no_truncation()
    return [cut(one.ids, one.ids, longest, end) for one in found]


def separator(tokenizer: Any, /) -> int | None:
    """The token between the two texts of a pair; None where a tokenizer writes none.

    Args:
        tokenizer: one of `Tokenizer`.
    """
    if tokenizer.frame:
        return None
    around = tokenizer.encoded([("", "")])[0]
    return tokenizer.end if around.count(tokenizer.end) > 1 else None


def padded(rows: Sequence[Sequence[int]], padding: int | None, /) -> Int[Tensor, "b t"]:
    """Rows of numbers as one tensor, the shorter ones filled up on the right.

    Raises:
        UsageError: there is no row, or they differ in length and there is no padding.
    """
    if not rows:
        raise UsageError("nothing was given to encode; expected at least one text")
    width = max(map(len, rows))
    if padding is None and any(len(row) < width for row in rows):
        raise UsageError(
            "the texts differ in length, and no number means padding; give them one at a time"
        )
    filled = [[*row, *[padding] * (width - len(row))] for row in rows]
    return arrays.given(filled, "int64")


def alike(lengths: Sequence[int], /, *, tokens: int, padded: bool = True) -> Iterator[list[int]]:
    """Indices of texts in groups of like length, the longest first.

    Args:
        lengths: of the texts.
        tokens: how many numbers the rows of a group may hold in all, filled up as they are; a
            longer text is alone.
        padded: rows may be filled up; else only texts of the same length go together.

    >>> list(alike([3, 9, 4, 9], tokens=18))
    [[1, 3], [2, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        longest = lengths[order[start]]
        most = max(1, tokens // max(1, longest))
        group = order[start : start + most]
        if not padded:
            group = [i for i in group if lengths[i] == longest]
        yield group
        start += len(group)


def cut(row: list[Any], ids: Sequence[int], longest: int | None, end: int | None, /) -> list[Any]:
    """At most so many items of a row; the last stays if its token is the one that ends a text.

    >>> cut([5, 6, 7, 3], [5, 6, 7, 3], 2, 3), cut([5, 6, 7], [5, 6, 7], 2, 3)
    ([5, 3], [5, 6])
    """
    if longest is None or len(row) <= longest:
        return row
    return [*row[: longest - 1], row[-1 if ids[-1] == end else longest - 1]]


def fit(vocabulary: int, padding: int | None, port: Port, /) -> None:
    """Refuse a tokenizer that is not of the model.

    Raises:
        UsageError: the model has fewer tokens, many more, or another one for padding.
    """
    known = vocabulary if port.bounds is None else int(port.bounds[1]) + 1
    if vocabulary > known or vocabulary < (1 - UNUSED) * known:
        raise UsageError(
            f"this tokenizer does not match the model: it has {vocabulary} tokens and "
            f"{port.name!r} takes {known}"
        )
    if None not in (padding, port.padding_id) and padding != port.padding_id:
        raise UsageError(
            f"this tokenizer does not match the model: its padding is {padding} and that of "
            f"{port.name!r} is {port.padding_id}"
        )
