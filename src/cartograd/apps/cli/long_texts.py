"""What a language model does with long texts: `cartograd diagnose --looks needle,position`."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cartograd.apps.cli import output


def long_texts(
    target: str, data: str | None, looks: Sequence[str], out: Path | None, /, *, json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Look, show progress on the way, print what was found and write the page."""
    from cartograd.apps.verbs.diagnose_length import diagnose_length

    tenths = dict[str, int]()

    def told(look: str, done: int, of: int) -> None:
        tenth = 10 * done // of
        if tenth > tenths.get(look, 0):
            tenths[look] = tenth
            output.note(f"{look}: {done} of {of}")

    found = diagnose_length(target, data, told, looks=looks, **options)
    stem = re.sub(r"[^\w.]+", "-", f"diagnosis-{Path(target).name}-length").strip("-")
    page = found.draw(out or Path(f"{stem}.html"))
    if json:
        output.emit(asdict(found) | {"report": page})
        return
    if found.needle is not None:
        head = ("tokens", "needles written", f"likeliest of {found.needle.alternatives}")
        output.table(head, found.rows(), right=head)
        print()
    if (loss := found.position) is not None:
        head = ("positions", "bits per byte", "95 %")
        rows = [
            (f"{a:,} to {b - 1:,}", f"{bits:.3f}", f"{low:.3f} to {high:.3f}")
            for a, b, bits, low, high in zip(
                loss.starts, loss.ends, loss.bits, loss.low, loss.high, strict=True
            )
        ]
        output.table(head, rows, right=head)
        print()
    output.lines([("reads", found.kept), ("report", str(page))])
