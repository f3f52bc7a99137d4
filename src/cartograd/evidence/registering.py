"""Fix a design before it is run: what goes into a journal, and which seeds may still be used."""

from pathlib import Path

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Claim
from cartograd.evidence.design import COLUMNS, Event, now, standing

SEEN = ("run", "look", "taken")
"""Events after which figures of their seeds are known."""


def fixed(
    claim: Claim, design: str, events: tuple[Event, ...], note: str, /, *, carried: bool = False
) -> Event:
    """The event that fixes a claim's design as it stands.

    Args:
        claim: whose.
        design: its digest.
        events: the journal's so far.
        note: what has changed and why; needed where there is a history.
        carried: the digest changed and the design did not.

    Raises:
        UsageError: it is fixed already, or a mended one has seeds that were seen, or a note is
            missing.
    """
    earlier = tuple(one for one in events if one.claim == claim.id)
    if standing(earlier, design):
        raise UsageError(f"{claim.id}: design {design} is in the journal already")
    if earlier and not note:
        raise UsageError(f"{claim.id} has a history; say with --note what has changed and why")
    if carried:
        return Event(now(), claim.id, "carried", design, "", note)
    known = {seed for one in earlier if one.event in SEEN for seed in one.chosen}
    chosen = set() if claim.exact else set(range(claim.first, claim.first + claim.seeds))
    if known & chosen:
        again = ", ".join(map(str, sorted(known & chosen)[:3]))
        raise UsageError(
            f"{claim.id}: figures of seeds {again} ... have been seen; a design that is fixed "
            f"after it gets fresh ones, e.g. first={(max(known) // 100 + 1) * 100}"
        )
    return Event(
        now(), claim.id, "mended" if earlier else "registered", design, span(sorted(chosen)), note
    )


def span(seeds: list[int], /) -> str:
    """Seeds as text, e.g. `0-9` or `3`."""
    if seeds and seeds == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 1:
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))


def append(event: Event, /, path: Path) -> None:
    """One more line, in a journal that begins with the names of its columns.

    Raises:
        UsageError: the journal cannot be written.
    """
    head = "" if path.exists() else "\t".join(COLUMNS) + "\n"
    line = "\t".join(" ".join(getattr(event, x).split()) for x in COLUMNS)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{head}{line}\n")
    except OSError as error:
        raise UsageError(
            f"the journal {path} cannot be written: {error.strerror or error}"
        ) from error
