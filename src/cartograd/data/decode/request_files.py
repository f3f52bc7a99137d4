"""Requests in the files of their collections: lists, YAML of red teams, conversations, tables.

And answers with the scores of people, as PyRIT keeps them.
"""

import csv
import io
import re
from itertools import dropwhile

from cartograd.core.errors import UsageError


def lines(text: str, /) -> list[str]:
    """A request on each line; notes begin with #."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def values(text: str, /) -> list[str]:
    """The seeds of a file of PyRIT: `- value: TEXT`, which may go on in lines below."""
    found = re.findall(r"^- value: (.*(?:\n    .*)*)", text, re.MULTILINE)
    return [_unquoted(" ".join(one.split())) for one in found]


def asked(text: str, /) -> list[str]:
    """The first lines of a file of conversations: `- - TEXT`."""
    return [_unquoted(one.strip()) for one in re.findall(r"^- - (.*)$", text, re.MULTILINE)]


def _unquoted(text: str) -> str:
    """A text of YAML without its quotation marks."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return text[1:-1].replace('\\"', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def questions(text: str, /) -> list[str]:
    """The column `question` of a table that may have lines before its head.

    Raises:
        UsageError: there is no such column.
    """
    rows = list(csv.reader(text.splitlines()))
    head = next((number for number, row in enumerate(rows) if "question" in row), None)
    if head is None:
        raise UsageError("the file of FreshQA has no column question; expected the file as fetched")
    at = rows[head].index("question")
    return [row[at] for row in rows[head + 1 :] if len(row) > at]


HALF = 0.5
"""From which mean of people's scores on what they were asked holds."""


def judged(text: str, /) -> dict[str, bool]:
    """Answers, each once, and whether the mean of people's scores is at least a half.

    Args:
        text: a table with the columns `assistant_response` and `human_score...`, notes before it.
    """
    table = "".join(dropwhile(lambda one: one.startswith("#"), text.splitlines(keepends=True)))
    found: dict[str, bool] = {}
    for row in csv.DictReader(io.StringIO(table)):
        scores = [
            float(row[key]) for key in row if key and key.startswith("human_score") and row[key]
        ]
        if scores and row["assistant_response"].strip():
            found.setdefault(row["assistant_response"], sum(scores) >= HALF * len(scores))
    return found
