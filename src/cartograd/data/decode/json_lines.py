r"""Tables in JSON lines: an object on each line, whose keys are the columns.

References:
    I. Ward: JSON Lines. https://jsonlines.org

>>> table = parse_json_lines('{"text": "fine", "stars": 5}\n{"text": "so so"}', source="reviews")
>>> table.header, table.rows
(('text', 'stars'), [['fine', '5'], ['so so', '']])
"""

import json
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.decode.table import Table, rectangular
from cartograd.data.decode.text_files import lines


def parse_json_lines(text: str, /, *, source: str) -> Table:
    """A table from a text with an object on each line; a key that a line lacks is an empty cell.

    Args:
        text: the lines.
        source: what to call it in errors.

    Raises:
        UsageError: a line is no object; it is named.
    """
    objects = [
        (number, _object(line, f"{source} line {number}"))
        for number, line in enumerate(lines(text), start=1)
        if line.strip()
    ]
    header = list(dict.fromkeys(key for _, one in objects for key in one))
    rows = [[_cell(one.get(key)) for key in header] for _, one in objects]
    table = rectangular(
        source, [0, *(number for number, _ in objects)], [header, *rows], header=True
    )
    nested = [
        key for key in header if any(isinstance(one.get(key), list | dict) for _, one in objects)
    ]
    notes = [f"{key}: lists and objects in it are read as they are written" for key in nested]
    return table.told(*notes)


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is no JSON: {error}; mend the line") from error
    if not isinstance(found, dict):
        raise UsageError(f"{where} holds a {type(found).__name__}; expected an object on each line")
    return found


def _cell(value: Any) -> str:
    """A value as it would stand in a table of text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False)
