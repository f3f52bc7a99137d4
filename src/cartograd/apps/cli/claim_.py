"""A statement of the map put to the test: figure, interval, verdict; without a name, all of them.

The verdict is `holds`, `does not hold` or `contested` (the figures do not decide, or disagree) by a
rule that was fixed before. A verdict is a finding: the exit code is 0 whichever it is.
"""

from pathlib import Path
from typing import Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Folder
from cartograd.apps.cli.language import Language, chinese
from cartograd.core.errors import UsageError


def claim_(
    name: str | None = None,
    /,
    *,
    seeds: int | None = None,
    seed: int | None = None,
    folder: Folder = None,
    lang: Language = "auto",
    json: bool = False,
) -> None:
    """A statement of the map put to the test: figure, interval, verdict; without a name, all.

    Args:
        name: the claim's id; left out, the claims are listed with their last kept verdicts.
        seeds: how many seeds, 0, 1, ...; by default as many as the claim has.
        seed: one seed alone, for a look: without an interval, and so mostly without a verdict.
        folder: where result.json and picture.svg go; by default claims/NAME.
        lang: language of the statements; auto follows LANG.
        json: print one object, or one array of all claims.
    """
    if name is None:
        _list(chinese(lang), json)
        return
    if seed is not None and seeds is not None:
        raise UsageError("--seed is one seed alone and --seeds their number; give one of them")
    from cartograd.evidence.claim import find

    found = find(name)
    where = folder or Path("claims") / found.id
    chosen = None if seeds is None else tuple(range(seeds))
    from cartograd.apps.verbs.claim import claim

    done = claim(
        found.id, seeds=chosen if seed is None else (seed,), folder=where, said=output.note
    )
    if json:
        output.emit(done.to_json() | {"folder": where})
        return
    output.table(
        ("check", "figure", "interval", "state", "method"),
        [_row(vars(one)) for one in done.findings],
        right=("figure",),
    )
    output.lines(
        [
            ("claim", found.zh if chinese(lang) else found.en),
            ("verdict", done.verdict),
            *([("remark", found.remark)] if found.remark else []),
            ("time", f"{done.cpu:.1f} s of processor time"),
            ("picture", str(where / "picture.svg")),
        ]
    )


def _row(finding: dict[str, Any]) -> tuple[str, ...]:
    value, low, high = (finding[key] for key in ("value", "low", "high"))
    span = "" if low == high else f"{_number(low)} to {_number(high)}"
    return finding["check"], _number(value), span, finding["state"], finding["method"]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _list(zh: bool, json: bool) -> None:
    from cartograd.apps.verbs.claim import claims
    from cartograd.evidence.claim import statements

    found = claims()
    if json:
        output.emit([one.to_json() for one in found])
        return
    rows = []
    for one in found:
        first = _row(one.finding)[:3] if one.finding else ("", "", "")
        said = one.claim.zh if zh else one.claim.en
        rows.append((one.claim.id, said, one.verdict or "not kept yet", *first))
    output.table(
        ("claim", "statement", "verdict", "decided by", "figure", "interval"),
        rows,
        right=("figure",),
    )
    print(f"{len(rows)} of the map's {len(statements())} statements have their experiment.")
