"""Words for gates, looked up without importing torch."""

from pathlib import Path

from cartograd.apps.load.named import check_target
from cartograd.core.errors import UsageError
from cartograd.core.paths import is_there, no_such_path

RULES = "rules"
"""The package's rules alone."""

KNOWN = "rules, RUN, RUN,refuse=CLASS or FILE.toml"


def is_file(word: str | Path, /) -> bool:
    """Whether a gate is named as a file of rules is."""
    return str(word).endswith(".toml")


def run_of(word: str | Path, /) -> tuple[str, str]:
    """The run that a word names, and the class that it refuses, if that is said."""
    name, _, refuse = str(word).partition(",refuse=")
    return name, refuse


def check_gate(word: str | Path, /) -> None:
    """Refuse what is no gate.

    Raises:
        UsageError: there is no such file of rules, or no such run.
    """
    if is_file(word):
        if not is_there(word):
            raise no_such_path(str(word))
    elif word != RULES:
        name, _ = run_of(word)
        try:
            check_target(name)
        except UsageError as error:
            raise no_gate(name, error) from error


def no_gate(name: str, why: UsageError, /) -> UsageError:
    """The error for a model that cannot be a gate."""
    return UsageError(f"the gate {name}: {why} (a gate is {KNOWN})")
