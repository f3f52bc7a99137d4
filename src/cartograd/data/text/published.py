"""A tokenizer as Hugging Face keeps it: tokenizer.json, and what lies beside it.

tokenizer_config.json says which token means what, and a little of how text is read, where its class
is one whose settings win over tokenizer.json (BERT's, GPT-2's). Keys that change nothing are passed
over; any other is refused by its name, unless it is null or false.

References:
    Hugging Face: transformers 5.23, `tokenization_utils_base.py`.
    https://huggingface.co/docs/transformers/main_classes/tokenizer
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.text.tokens import ROLES, tokens_of

HARMLESS = (
    "tokenizer_class", "name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file",
    "backend", "is_local", "local_files_only", "model_max_length", "max_len", "max_length",
    "padding_side", "truncation_side", "truncation_strategy", "stride", "pad_to_multiple_of",
    "pad_token_type_id", "model_input_names", "processor_class", "legacy", "use_fast", "from_slow",
    "never_split", "do_basic_tokenize", "errors", "sp_model_kwargs", "extra_ids", "unk_id",
    "spaces_between_special_tokens", "use_default_system_prompt", "vocab_size", "model_type",
    "return_token_type_ids", "language", "task", "predict_timestamps",
    "clean_up_tokenization_spaces", "add_prefix_space", "do_lower_case", "strip_accents",
    "tokenize_chinese_chars",
    "add_bos_token", "add_eos_token",
)  # fmt: skip
"""Keys that change no number of a text, for what they say stands in tokenizer.json too."""

FURTHER = ("cls_token", "sep_token")
"""Tokens that mean the begin and the end where `bos_token` and `eos_token` are none."""

LISTS = ("additional_special_tokens", "extra_special_tokens")
"""Further special tokens."""

DECODER = "added_tokens_decoder"
"""Added tokens by their numbers."""

NO_DEFAULTS = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes for which a token that is not named is none."""

BERTS = {"do_lower_case": ("lowercase", True), "strip_accents": ("strip_accents", None),
         "tokenize_chinese_chars": ("handle_chinese_chars", True)}  # fmt: skip
"""What classes of BERT take from tokenizer_config.json: the normalizer's word, and the default."""

OWN = {"tokenizer", "special"}
"""Keys of a tokenizer.json that we wrote, where all the rest stands too."""

FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
"""Of an added token."""


def folder_of(folder: Path, /) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The document of a folder, which token it says means what, and its chat template.

    Raises:
        UsageError: there is none, a file cannot be read, or says what is not understood.
    """
    document = _object(folder / "tokenizer.json")
    config = folder / "tokenizer_config.json"
    if document.keys() >= OWN:
        return document, {}, ""
    _check_document(folder / "tokenizer.json", document)
    said = _object(config) if config.is_file() else {}
    roles = _roles(config, said)
    chat = _template(folder, said)
    _check(config, said, document)
    return _as_said(document, said, roles), roles, chat


def _object(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    if not isinstance(said, dict):
        raise UsageError(f"{file} holds a {type(said).__name__}; expected an object")
    return said


def _check_document(file: Path, document: Mapping[str, Any]) -> None:
    """Refuse a document without a vocabulary, or with one of other types."""
    model = document.get("model")
    vocabulary = model.get("vocab", {}) if isinstance(model, dict) else None
    if isinstance(vocabulary, list):
        fine = all(isinstance(one, list) and one and isinstance(one[0], str) for one in vocabulary)
    else:
        fine = isinstance(vocabulary, dict) and all(type(one) is int for one in vocabulary.values())
    added = document.get("added_tokens") or []
    listed = isinstance(added, list) and all(
        isinstance(one, dict) and isinstance(one.get("content"), str) and type(one.get("id")) is int
        for one in added
    )
    if not fine or not listed:
        raise UsageError(
            f"{file} describes no tokenizer: its {'added_tokens' if fine else 'vocabulary'} cannot "
            "be read"
        )


def _roles(config: Path, said: Mapping[str, Any]) -> dict[str, str | None]:
    """Which token means what, as far as it is said."""
    named = {
        key: _token(config, key, said[key]) for key in (*ROLES.values(), *FURTHER) if key in said
    }
    if said.get("tokenizer_class") in NO_DEFAULTS:
        named = dict.fromkeys(ROLES.values()) | named
    found = {role: named[key] for role, key in ROLES.items() if key in named}
    for role, key in zip(("begin", "end"), FURTHER, strict=True):
        if found.get(role) is None and named.get(key) is not None:
            found[role] = named[key]
    return found


def _token(config: Path, key: str, value: Any) -> str | None:
    text = value.get("content") if isinstance(value, Mapping) else value
    if value is not None and not isinstance(text, str):
        raise UsageError(f"{config}: {key}={value!r:.60} is no token; expected a text")
    return text


def _template(folder: Path, said: Mapping[str, Any]) -> str:
    """The template named default: of a file of its own, or of the configuration in either form."""
    file, given = folder / "chat_template.jinja", said.get("chat_template")
    if file.is_file():
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UsageError(f"{file} cannot be read: {error}") from error
    config = folder / "tokenizer_config.json"
    if isinstance(given, list):
        try:
            given = {one["name"]: one["template"] for one in given}
        except (TypeError, KeyError) as error:
            raise UsageError(
                f"{config}: chat_template lists something without name and template"
            ) from error
        if "default" not in given:
            raise UsageError(
                f"{config}: chat_template has no template named default; there are "
                f"{', '.join(map(str, given))}"
            )
        given = given["default"]
    if given is not None and not isinstance(given, str):
        raise UsageError(f"{config}: chat_template is a {type(given).__name__}; expected a text")
    return given or ""


def _check(config: Path, said: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """Refuse what is not understood, and tokens that tokenizer.json has not."""
    known, added = tokens_of(document), _added(document)
    understood = {*HARMLESS, *ROLES.values(), *FURTHER, *LISTS, "chat_template", DECODER}
    for key, value in said.items():
        if key not in understood and value is not None and value is not False:
            raise UsageError(
                f"{config}: {key}={value!r:.60} is not understood; expected null, or no such key, "
                "where it does not matter"
            )
        if key in (*ROLES.values(), *FURTHER):
            token = _token(config, key, value)
            if token is not None and token not in known:
                raise UsageError(f"{config}: {key}={token!r} is no token of tokenizer.json")
        elif key in BERTS and not isinstance(value, bool | None):
            raise UsageError(f"{config}: {key}={value!r:.60} cannot be; expected true or false")
        elif key in LISTS:
            _check_listed(config, key, value, added)
        elif key == DECODER:
            _check_decoder(config, value, added)


def _check_listed(config: Path, key: str, value: Any, added: Mapping[str, Any]) -> None:
    """Refuse further special tokens that tokenizer.json has not."""
    listed = list(value.values()) if isinstance(value, dict) else value or []
    if not isinstance(listed, list):
        raise UsageError(f"{config}: {key}={value!r:.60} cannot be; expected a list of tokens")
    for token in (_token(config, key, one) for one in listed):
        if token not in added:
            raise UsageError(f"{config}: {key}: {token!r} is no added token of tokenizer.json")


def _check_decoder(config: Path, value: Any, added: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse added tokens that tokenizer.json has not, or has with other flags."""
    if not isinstance(value, dict | None):
        raise UsageError(f"{config}: {DECODER}={value!r:.60} cannot be; expected tokens by number")
    for number, token in (value or {}).items():
        content = _token(config, DECODER, token)
        own = added.get(content or "")
        if own is None or str(own["id"]) != number:
            raise UsageError(
                f"{config}: {DECODER} has {content!r} as {number}, and tokenizer.json has "
                f"{'no such token' if own is None else own['id']}"
            )
        given = {} if isinstance(token, str) else token
        other = [flag for flag in FLAGS if given.get(flag, own.get(flag)) != own.get(flag)]
        if other:
            raise UsageError(
                f"{config}: {DECODER} has {content!r} with {other[0]}={given[other[0]]!r}, and "
                f"tokenizer.json with {own.get(other[0])!r}"
            )


def _added(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {token["content"]: token for token in document.get("added_tokens") or ()}


def _as_said(
    document: dict[str, Any], said: Mapping[str, Any], roles: Mapping[str, str | None]
) -> dict[str, Any]:
    """The document with what tokenizer_config.json changes of it."""
    made, known, added = dict(document), tokens_of(document), _added(document)
    made["added_tokens"] = [
        *added.values(),
        *(
            dict.fromkeys(FLAGS, False) | {"id": known[token], "content": token, "special": True}
            for token in dict.fromkeys(roles.values())
            if token is not None and token not in added
        ),
    ]
    kind = str(said.get("tokenizer_class") or "").removesuffix("Fast")
    normalizer, cutter = made.get("normalizer") or {}, made.get("pre_tokenizer") or {}
    if kind == "BertTokenizer" and normalizer.get("type") == "BertNormalizer":
        flags = {own: said.get(key, usual) for key, (own, usual) in BERTS.items()}
        made["normalizer"] = normalizer | flags
    if kind == "GPT2Tokenizer" and cutter.get("type") == "ByteLevel":
        spaced = {"add_prefix_space": bool(said.get("add_prefix_space"))}
        made["pre_tokenizer"] = cutter | spaced
    return made
