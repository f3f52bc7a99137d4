"""The settings of a training run, each with where it came from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from cartograd.apps.load.options import DEFAULTS, KINDS, WORDS, owner
from cartograd.core import plugins
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec
from cartograd.engine.logging.run_folder import read_config, read_imports
from cartograd.engine.loop.config import BEFORE
from cartograd.engine.loop.option_fields import canonical, check
from cartograd.engine.loop.own_code import check_given

OFF = ("augment", "drawn", "poison", "filter", "class_weights", "adapter", "privacy", "federated",
       "init", "average", "groups")  # fmt: skip
"""Settings of which `none` says that there is none, also where a file has one."""


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
        values, origins = read_config(file)
        if origins:  # a run wrote it, perhaps before there was a choice of weights that decay
            values = {"decay": BEFORE} | values
        plugins.require(read_imports(file), file)
        try:
            settings |= _checked(values, "file")
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from error
    said = _checked(given, "flag")
    check_given({key: x.value for key, x in settings.items() if key not in said}, file)
    return settings | said


def parsed(pairs: Iterable[str], /) -> dict[str, Any]:
    """Settings written as `key=value`.

    >>> parsed(["batch_size=32", "schedule=cosine:warmup=0.1", "compile=true"])
    {'batch_size': 32, 'schedule': 'cosine:warmup=0.1', 'compile': True}

    Raises:
        UsageError: a pair is not one, or its key is unknown or said before.
    """
    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"{pair!r} is not a setting; expected key=value, like batch_size=32")
        [key] = canonical({key: text})
        if key not in KINDS:
            raise unknown("setting", key, KINDS)
        if key in values:
            raise UsageError(f"{key} is given twice, the second time as {pair!r}; give it once")
        values[key] = _read(key, text)
    return values


def _read(key: str, text: str) -> Any:
    """The value that a text stands for; a number where the setting may be one or a spec."""
    if key == "patience" and text.lower() == "none":
        return 0  # left out it is chosen; this says that there shall be none
    kinds = set(get_args(KINDS[key]) or (KINDS[key],))
    wordy = bool(kinds & {str, Any})
    if wordy and kinds & {int, float}:
        wordy = ":" in text or not (text.lower() == "none" or text.lstrip("+-.")[:1].isdigit())
    if wordy and bool in kinds:
        wordy = text.lower() not in ("true", "false")
    return text if wordy else Spec.parse(f"setting:{key}={text}").args[key]


def _checked(values: Mapping[str, Any], origin: str) -> dict[str, Setting]:
    settings = {}
    for key, value in canonical(values).items():
        if key not in KINDS:
            raise unknown("setting", key, KINDS)
        if value is None:
            continue
        value = str(value) if isinstance(value, Spec) else value
        if value == "none" and key in OFF:
            settings[key] = Setting(None, origin)
            continue
        check(owner(key), key, value)
        if key in WORDS and value not in WORDS[key]:
            raise unknown(key, str(value), WORDS[key])
        if value == "none" and DEFAULTS.get(key, value) is None:
            continue
        settings[key] = Setting(value, origin)
    return settings
