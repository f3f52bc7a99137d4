"""A table in memory in place of a file: understood by the code that understands files.

`Framed` stands for a frame and what was said of it, as a spec of `csv` stands for a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cartograd.apps.load.located import located
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.data.decode.frames import PART, Frame, frame_table, is_frame
from cartograd.data.decode.table import Table, content_digest


@dataclass(frozen=True)
class Framed:
    """A table and the arguments of the source that reads it.

    Attributes:
        table: the cells.
        args: as of `csv`.
    """

    table: Table
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> Spec:
        """What a run notes: type and digest of the table stand where a file's name would."""
        return Spec(self.source, dict(self.args), f"{self.table.source}-{self._mark}")

    @property
    def source(self) -> str:
        """What reads it: a column of times makes it a series."""
        return "series" if "time" in self.args else "csv"

    @property
    def _mark(self) -> str:
        """A word that is another one for other cells."""
        return content_digest(self.table)[:8]

    def told(self, **more: Any) -> "Framed":
        """The same with further arguments."""
        return Framed(self.table, {**self.args, **more})

    def __str__(self) -> str:
        return str(self.spec)


def framed(data: Any, /, **args: Any) -> Any:
    """Tables in memory as `Framed`; whatever else is given stays as it is.

    Args:
        data: anything.
        **args: what is said of a table.

    Raises:
        UsageError: the table is empty, or its parts do not go together.
    """
    if isinstance(data, Framed):
        return data.told(**args)
    return of_frame(data, **args) if is_frame(data) else data


def of_frame(data: Frame | Mapping[str, Any], /, **args: Any) -> Framed:
    """A table in memory, or several parts of one.

    Args:
        data: what `is_frame` knows.
        **args: what is said of it.

    Raises:
        UsageError: it is empty, or its parts do not go together.
    """
    parts = {"split": PART} if isinstance(data, Mapping) else {}
    return Framed(frame_table(data), parts | args)


def noted(asked: Any, /, **column: Any) -> Any:
    """What a run notes of its data: which source read a path or a frame, and how.

    Args:
        asked: data as verbs take them; other data stay as they are.
        **column: what a table was told for the model's sake.
    """
    if isinstance(asked, Framed):
        return str(asked.told(**column))
    if not isinstance(asked, str | Path):
        return asked
    spec = located(asked)
    return str(Spec(spec.name, spec.args | column, spec.subject))


def with_target(data: Any, target: str | Sequence[str] | None, /) -> Any:
    """Data with the column, or columns, to be predicted.

    Args:
        data: a table in memory, or a spec or path of one.
        target: the name; None if nobody gave one.

    Raises:
        UsageError: the data are no table, or name a target themselves.
    """
    data = framed(data)
    if target is None:
        return data
    named = target if isinstance(target, str) else tuple(target)
    if isinstance(data, Framed):
        return data.told(target=named)
    if not isinstance(data, str | Path | Spec):
        raise UsageError(
            f"target={target} names a column of a table, and the data is a {type(data).__name__}; "
            "leave it out"
        )
    spec = located(data, target=named)
    if "target" in spec.args:
        raise UsageError(f"target={target} names a column of {spec}, which names one itself")
    return Spec(spec.name, spec.args | {"target": named}, spec.subject)
