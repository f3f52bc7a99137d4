"""The settings of a training run, each with where it came from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.core import plugins, vocabulary
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec
from cartograd.engine.runs import read_config, read_imports

KINDS: dict[str, type | tuple[type, ...]] = {
    "model": object,
    "data": object,
    "objective": str,
    "optimizer": (str, dict),
    "schedule": (str, dict),
    "epochs": int,
    "batch_size": int,
    "augment": (str, list, tuple),
    "monitor": str,
    "patience": int,
    "clip": (int, float, str),
    "accumulate": int,
    "average": str,
    "freeze": (bool, str, list),
    "recompute": (bool, str, list),
    "nonfinite": str,
    "precision": str,
    "compile": bool,
    "autotune": bool,
    "deterministic": bool,
    "parallel": str,
    "sinks": (str, list, tuple),
    "save_every": int,
    "log_every": int,
    "profile": int,
    "keep": str,
    "exact": bool,
    "seed": int,
    "device": str,
}
"""Every setting and its type."""

NOT_FOR_FIT = ("model", "data", "objective", "batch_size", "augment", "freeze")
"""Settings that say what to train on what; all others are arguments of `fit`."""

DEFAULTS: dict[str, Any] = {"accumulate": 1, "precision": "auto"} | {
    "average": None,
    "freeze": False,
    "recompute": False,
    "compile": False,
    "nonfinite": "stop",
    "autotune": False,
    "deterministic": False,
    "parallel": "ddp",
    "sinks": (),
    "exact": True,
    "seed": 0,
    "device": "auto",
}
"""Settings that do not depend on the model or the data."""

_TRUE = (bool, object, (bool, str, list))
_NAMES = {
    (int, float, str): "a number or a spec",
    (bool, str, list): "true, or names of parts",
    int: "a whole number",
    bool: "true or false",
    str: "text",
    (int, float): "a number",
}


@dataclass(frozen=True)
class Setting:
    """A value and where it came from: `default`, `data`, `preset`, `file` or `flag`."""

    value: Any
    origin: str


def merged(file: str | Path | None, given: Mapping[str, Any], /) -> dict[str, Setting]:
    """The settings that a file and the caller name; what the caller says wins, None says nothing.

    Raises:
        UsageError: the file cannot be read; an unknown setting (with the nearest one), a value
            of the wrong type or out of range.
    """
    settings = {key: Setting(value, "default") for key, value in DEFAULTS.items()}
    if file is not None:
        values, _ = read_config(file)
        plugins.require(read_imports(file), file)
        try:
            settings |= _checked(values, "file")
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from error
    return settings | _checked(given, "flag")


def parsed(pairs: Iterable[str], /) -> dict[str, Any]:
    """Settings written as `key=value`.

    >>> parsed(["batch_size=32", "schedule=cosine:warmup=0.1", "compile=true"])
    {'batch_size': 32, 'schedule': 'cosine:warmup=0.1', 'compile': True}

    Raises:
        UsageError: a pair is not one, or its key is unknown.
    """
    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"{pair!r} is not a setting; expected key=value, like batch_size=32")
        if key not in KINDS:
            raise unknown("setting", key, KINDS)
        values[key] = _read(key, text)
    return values


def _read(key: str, text: str) -> Any:
    """The value that a text stands for; a number where the setting may be one or a spec."""
    kind = KINDS[key]
    wordy = kind in (str, object, (str, dict), (str, list, tuple))
    if kind == (int, float, str):
        wordy = ":" in text or not (text.lower() == "none" or text.lstrip("+-.")[:1].isdigit())
    if kind == (bool, str, list):
        wordy = text.lower() not in ("true", "false")
    return text if wordy else Spec.parse(f"setting:{key}={text}").args[key]


def _checked(values: Mapping[str, Any], origin: str) -> dict[str, Setting]:
    settings = {}
    for key, value in values.items():
        if key not in KINDS:
            raise unknown("setting", key, KINDS)
        if value is None:
            continue
        value = str(value) if isinstance(value, Spec) else value
        kind = KINDS[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind not in _TRUE):
            expected = _NAMES.get(kind, "a spec")
            raise UsageError(f"{key}={value!r} is of the wrong type; expected {expected}")
        vocabulary.check("train", key, value)
        settings[key] = Setting(value, origin)
    return settings
