"""A statement of the map put to the test: figure, interval, verdict; without a name, all of them.

The verdict is `holds`, `does not hold`, `contested` (some checks hold, others fail) or `undecided`
(the figures are too few to tell; the effect that could have been seen is printed). When the rule
was fixed, and what had been seen by then, is told by `docs/results/claims.md`. A verdict is a
finding: the exit code is 0 whichever it is.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Folder, Seed
from cartograd.apps.cli.following import following
from cartograd.core.errors import UsageError
from cartograd.core.language import chinese
from cartograd.evidence.words import between, number, reached, unseen

if TYPE_CHECKING:
    from cartograd.evidence.experiment import Outcome


def claim_(
    name: str | None = None,
    /,
    *,
    seeds: int | None = None,
    seed: Seed = None,
    folder: Folder = None,
    json: bool = False,
) -> None:
    """A statement of the map put to the test: figure, interval, verdict; without a name, all.

    Args:
        name: the claim's id, or a file of your own with CLAIM = Claim(...) and measure(seed), whose
            digest is kept before it is run; left out, the claims are listed with their last kept
            verdicts.
        seeds: how many seeds, from the claim's first on; by default as many as it has.
        seed: one seed alone, for a look: without an interval, and so mostly without a verdict.
        folder: where result.json, picture.svg and page.html go; by default claims/NAME.
        json: print one object, or one array of all claims.
    """
    if name is None:
        _list(chinese(), json)
        return
    if seed is not None and seeds is not None:
        raise UsageError("--seed is one seed alone and --seeds their number; give one of them")
    if seeds is not None and seeds < 1:
        raise UsageError(f"seeds={seeds} is out of range; expected at least 1")
    from cartograd.evidence.claim import find, is_own

    if is_own(name):
        from cartograd.evidence.own import read_own

        found = read_own(Path(name))
    else:
        found = find(name)
    where = folder or Path("claims") / found.id
    chosen = None if seeds is None else tuple(range(found.first, found.first + seeds))
    from cartograd.apps.verbs.claim import claim

    done = claim(
        name if is_own(name) else found.id,
        seeds=chosen if seed is None else (seed,),
        folder=where,
        said=output.note,
    )
    if json:
        output.emit(done.to_json() | {"folder": where})
        return
    output.table(
        ("check", "figure", "interval", "could have seen", "state", "method"),
        [_row(vars(one)) for one in done.findings],
        right=("figure",),
    )
    output.lines(
        [
            ("claim", found.zh if found.zh and chinese() else found.en),
            ("verdict", done.verdict),
            ("design", _design(done, Path(name) if is_own(name) else None)),
            *([("remark", found.remark)] if found.remark else []),
            ("time", f"{done.cpu:.1f} s of processor time"),
            ("picture", str(where / "picture.svg")),
            ("page", str(where / "page.html")),
            *_after(name, done),
        ]
    )


def _after(name: str, done: "Outcome") -> list[tuple[str, str]]:
    """More seeds where these were too few to tell, else the page of the map that says so."""
    if done.verdict == "undecided" and not done.claim.exact:
        return following("claim", name, "--seeds", 2 * max(len(done.seeds), done.claim.seeds))
    return following("learn", done.claim.place) if done.claim.place else following("claim")


def _row(finding: dict[str, Any]) -> tuple[str, ...]:
    state = finding["state"] + (" (needed)" if finding["needed"] else "")
    shown = (number(finding["value"]), between(finding), reached(finding))
    return finding["check"], *shown, state, finding["method"]


def _design(done: "Outcome", path: Path | None) -> str:
    """The digest that it was run under, and since when it stands."""
    from cartograd.evidence.design import history, history_of, standing
    from cartograd.evidence.own import journal_of

    name = done.claim.id
    events = history(name) if path is None else history_of(journal_of(path), name)
    event = standing(events, done.design)
    since = f"{event.event} {event.date}" if event else "not in the journal"
    return f"{done.design} ({since})"


def _list(zh: bool, json: bool) -> None:
    from cartograd.apps.verbs.claim import claims
    from cartograd.evidence.claim import statements

    kept = {one.claim.id: one for one in claims()}
    if json:
        output.emit([kept[x].to_json() if x in kept else vars(s) for x, s in statements().items()])
        return
    rows = []
    for name, statement in statements().items():
        said = statement.claim_zh if zh else statement.claim_en
        one = kept.get(name)
        verdict = (one.verdict or "not run yet") if one else "no experiment yet"
        first = _row(one.finding)[:3] if one and one.finding else ("", "", "")
        rows.append((name, said, verdict, *first))
    output.table(
        ("claim", "statement", "verdict", "decided by", "figure", "interval"),
        rows,
        right=("figure",),
    )
    output.say(f"{len(kept)} of the map's {len(rows)} statements have their experiment.")
    for one in kept.values():
        if one.verdict == "undecided" and one.finding:
            output.say(f"{one.claim.id} is undecided: {unseen(one.finding)}.")
    output.lines(following("claim", rows[0][0]))
