"""What the check of the training data found, with the way to its page."""

import json
from pathlib import Path

from markupsafe import Markup

from cartograd.apps.report.parts import Section, Table, table

LINK = Markup('<p class="note"><a href="data.html">The data card</a></p>')


def data_kept(folder: Path, /) -> Section | None:
    """The findings of a card that lies beside the report; None where there is none.

    Args:
        folder: of the report.
    """
    kept = folder / "data.json"
    if not kept.is_file() or not (folder / "data.html").is_file():
        return None
    try:
        card = json.loads(kept.read_text(encoding="utf-8"))
        rows = [
            [one["severity"], one["what"], f"{one['count']:,}", one["said"], one["mend"]]
            for one in card["findings"]
        ]
        lead = f"{card['verdict'][:1].upper()}{card['verdict'][1:]}; looked at before the training."
    except (OSError, ValueError, LookupError, TypeError):  # somebody else's file
        return None
    head = ["", "what", "count", "found", "what to do"]
    body = table(Table(head, rows, "findings", frozenset({1, 3, 4}))) if rows else Markup("")
    return Section("training-data", "The data", lead, body + LINK)
