"""Which number of a run's history says what epoch is best, and whether it should fall."""

from cartograd.core import registry
from cartograd.core.card import MEASURED
from cartograd.core.errors import UsageError, nearest
from cartograd.engine.loop.monitor import Monitor


def monitored(
    monitor: str | None,
    /,
    *,
    validates: bool,
    patience: int | None,
    min_delta: float,
    word: str = "monitor",
) -> Monitor:
    """The number that says which epoch is best, and whether it should fall.

    Losses fall; a metric's card says which way is better, and an objective's what it logs beside
    its loss. Of any other number `min:` or `max:` before its name has to say it.

    Raises:
        UsageError: it is no number of the history, nothing makes it, or its direction is not
            known.
    """
    if monitor is None:
        if patience is not None and not validates:
            raise UsageError("patience needs a number to watch; give validate= or monitor=")
        name = "valid/loss" if validates else ""
        return Monitor(name, True, patience is not None, patience, min_delta)
    direction, _, name = monitor.partition(":")
    if direction not in ("min", "max"):
        direction, name = "", monitor
    if not name.startswith(("train/", "valid/")):
        raise UsageError(
            f"{word}={monitor!r} is not a number of the history; expected train/... or "
            "valid/..., with min: or max: before it where it is a number of your own"
        )
    if name.startswith("valid/") and not validates:
        raise UsageError(f"{word}={monitor!r} needs validation data; give validate=")
    better = {"min": "lower", "max": "higher"}.get(direction) or _better(name)
    if better is None:
        part, _, plain = name.partition("/")
        near = nearest(plain, [*registry.names(kind="metric"), "loss"], alike=0.7)
        raise UsageError(
            f"{word}={monitor!r}: nothing says whether lower or higher is better; expected "
            f"min:{name} or max:{name}" + (f"; did you mean '{part}/{near}'?" if near else "")
        )
    return Monitor(name, better == "lower", True, patience, min_delta)


def _better(name: str) -> str | None:
    """Which way a number of the history is better: `lower`, `higher`, or None if unknown."""
    plain = name.partition("/")[2].partition(":")[0]
    if plain.replace("_", "-").split("-")[-1] == "loss" or registry.lookup(plain, kind="loss"):
        return "lower"
    metrics = [registry.lookup(plain, kind=kind) for kind in MEASURED]
    for card, _ in [item for found in metrics for item in found]:
        return card.better
    logged = [card.logs[plain] for card in registry.cards().values() if plain in card.logs]
    return logged[0] if len(set(logged)) == 1 else None
