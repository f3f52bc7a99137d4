"""What config.json may say: what a family reads, what changes no answer, and defaults of all else.

A family names the keys that it reads, and of what type each is. A few keys change no answer. Any
other key has to be null, false or as in transformers' own configuration class; those defaults stand
in `published_config.toml`, and also fill in what the file leaves out. So a form of a model that
ours has not is refused by the name of its key, and never loaded as something else.

References:
    Hugging Face: transformers 5.23, the classes `*Config`.
    https://huggingface.co/docs/transformers/main_classes/configuration
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.fits import finite

KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "count": (lambda value: type(value) is int and value > 0, "a whole number above 0"),
    "number": (finite, "a number"),
    "flag": (lambda value: type(value) is bool, "true or false"),
    "id": (lambda value: type(value) is int, "the number of a token"),
    "word": (lambda value: isinstance(value, str), "a text"),
    "counts": (
        lambda value: (
            isinstance(value, list)
            and len(value) > 0
            and all(type(one) is int and one > 0 for one in value)
        ),
        "a list of whole numbers above 0",
    ),
    "whole": (lambda value: type(value) is int and value >= 0, "a whole number from 0"),
    "places": (
        lambda value: (
            isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
        ),
        "a list of whole numbers from 0",
    ),
    "flags": (
        lambda value: isinstance(value, list) and all(one in (0, 1) for one in value),
        "a list of zeros and ones",
    ),
    "words": (
        lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
        "a list of texts",
    ),
    "names": (
        lambda value: (
            isinstance(value, str)
            or (isinstance(value, list) and all(isinstance(one, str) for one in value))
        ),
        "a text or a list of texts",
    ),
    "numbers": (
        lambda value: isinstance(value, list) and len(value) > 0 and all(map(finite, value)),
        "a list of numbers",
    ),
    "table": (lambda value: isinstance(value, dict), "an object"),
}
"""Types of values: how one is told, and what it is called. With `?` behind, null will do, too."""

HEAD = {
    "model_type": "word", "architectures": "words?", "id2label": "table?", "label2id": "table?",
    "num_labels": "count?", "_num_labels": "count?", "problem_type": "word?",
    "sentence_transformers": "table?", "sbert_ce_default_activation_function": "word?",
}  # fmt: skip
"""What is said of a model's head, and read for every family."""


@cache
def _data() -> dict[str, dict[str, Any]]:
    file = Path(__file__).with_suffix(".toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def sections() -> set[str]:
    """The values of `model_type` whose defaults are known."""
    return {*_data()} - {"every", "harmless"}


def settled(
    config: Mapping[str, Any], reads: Mapping[str, str], /, *, own_output: bool = False
) -> dict[str, Any]:
    """A configuration of a known family, complete and understood.

    Args:
        config: what the file says.
        reads: the keys that the family reads, and of what type they are (`KINDS`).
        own_output: whether the file's tensors score tokens by another matrix than they are read
            by; kept under this name.

    Raises:
        UsageError: a key is not understood and is not null, false or the default, or a value is of
            another type.
    """
    family = str(config["model_type"])
    found = understood("config.json", config, HEAD | dict(reads), _data(), family)
    return found | {"own_output": own_output}


def understood(
    file: str,
    config: Mapping[str, Any],
    known: Mapping[str, str],
    data: Mapping[str, Mapping[str, Any]],
    family: str,
    /,
) -> dict[str, Any]:
    """A configuration, complete, each of whose keys is read, harmless, or as if it were not there.

    Args:
        file: what to call it in an error.
        config: what it says.
        known: the keys that are read, and of what type they are (`KINDS`).
        data: defaults under `every` and by family, and `harmless` keys by the same.
        family: what it describes.

    Raises:
        UsageError: a key is not understood and is not null, false or the default, or a value is of
            another type.
    """
    defaults = dict(data["every"]) | dict(data.get(family, {}))
    harmless = {*data["harmless"]["every"], *data["harmless"].get(family, ())}
    for key, value in config.items():
        if key in known:
            typed(file, key, value, known[key])
        elif key in harmless or (key in defaults and value == defaults[key]):
            continue
        elif key in defaults:
            raise UsageError(
                f"{file}: {key}={shown(value)} is a form of {family} that is not known here; "
                f"expected {shown(defaults[key])}"
            )
        elif value is not None and value is not False:
            raise UsageError(
                f"{file}: {key}={shown(value)} is not understood for {family}; expected null, or "
                "no such key, where it does not matter"
            )
    return defaults | dict(config)


def typed(file: str, key: str, value: Any, kind: str, /) -> None:
    """Refuse a value of another type than one of `KINDS`.

    Raises:
        UsageError: it is.
    """
    test, told = KINDS[kind.removesuffix("?")]
    if not (value is None and kind.endswith("?")) and not test(value):
        raise UsageError(f"{file}: {key}={shown(value)} cannot be; expected {told}")


def shown(value: Any, /) -> str:
    """A value as JSON, cut where it is long.

    >>> shown({"factor": None})
    '{"factor": null}'
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_object(file: Path, /) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    said = _read(file)
    if not isinstance(said, dict):
        raise UsageError(f"{file} is no configuration: it holds a {type(said).__name__}")
    return said


def read_list(file: Path, /) -> list[Any]:
    """The list in a JSON file.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    said = _read(file)
    if not isinstance(said, list):
        raise UsageError(f"{file} holds a {type(said).__name__}; expected a list")
    return said


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def required(config: Mapping[str, Any], key: str, *allowed: Any) -> None:
    """Refuse a configuration that says otherwise.

    Raises:
        UsageError: it does.
    """
    if config[key] not in allowed:
        raise UsageError(
            f"config.json: {key}={shown(config[key])} is a form of {config['model_type']} that is "
            f"not known here; expected {' or '.join(map(shown, allowed))}"
        )
