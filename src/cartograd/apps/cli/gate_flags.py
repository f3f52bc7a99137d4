"""The flags of a gate, as the commands that write texts have them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError

REFUSED = 1
"""The exit code where a gate refuses: a check failed."""


def gate_from(gate: Sequence[str], report: Path | None, /) -> Any:
    """The gate of `--gate` and `--gate-report`; None where there is none.

    Raises:
        UsageError: it is no gate, or there is a report of none.
    """
    if not gate:
        if report is not None:
            raise UsageError("--gate-report is of a gate; name one, such as --gate rules")
        return None
    from cartograd.apps.gate.gate import gate_of

    return gate_of(list(gate), report=report)
