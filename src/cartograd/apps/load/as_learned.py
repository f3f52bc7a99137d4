"""A file alone, for a model that knows what such files hold: it is read as in the training.

`evaluate RUN --data new.csv` asks for no target: the run's own column is the one to be compared
with, and whatever was said of its table (texts, marks of missing cells) is said of the new one.
What belongs to one file alone (delimiter, encoding, sheet) is found out anew.
"""

from pathlib import Path
from typing import Any

from cartograd.apps.load.framed import Framed, framed
from cartograd.apps.load.located import located, taken
from cartograd.apps.load.source import Data
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

TABLES = ("csv", "series")
"""Sources of tables, of which a column is to be predicted."""

OF_A_FILE = ("delimiter", "encoding", "sheet", "split", "valid", "test")
"""What is said of one table and not of the next."""


def as_learned(data: Data, trained: Any, /) -> tuple[Data, list[str]]:
    """The data with the run's own choice of columns where none was made; and lines on them.

    Args:
        data: what is to be read.
        trained: the spec of the data that the model was trained on, if that is known.

    Raises:
        UsageError: the data are a path where nothing is, or a table of which nothing says what is
            to be predicted.
    """
    data, known = framed(data), _choices(trained)
    if isinstance(data, Framed):
        return data.told(**(known | dict(data.args))), []
    if not isinstance(data, str | Path | Spec):
        return data, []
    spec = located(data, **known)
    lines = taken(data, spec)
    if spec.name not in TABLES or "target" in spec.args or not known:
        return spec, lines
    added = {key: value for key, value in known.items() if key not in spec.args}
    shown = str(Spec(spec.name, added)).partition(":")[2]
    return Spec(spec.name, spec.args | added, spec.subject), [
        *lines,
        f"as in the training: {shown}",
    ]


def _choices(trained: Any) -> dict[str, Any]:
    """What was said of the columns of the table that a model was trained on."""
    try:
        spec = located(trained) if isinstance(trained, str | Path | Spec) else Spec("")
    except UsageError:  # its file has gone, or it was data of somebody's own
        return {}
    of_table = spec.name in TABLES and "target" in spec.args
    return {key: x for key, x in spec.args.items() if key not in OF_A_FILE} if of_table else {}
