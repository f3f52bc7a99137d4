"""The options on which a run's result depends: a resumed run must have the same ones.

It is written into `config.toml` by `fit`, and into each checkpoint.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cartograd.engine.loop.option_fields import canonical

OPEN = "auto"
"""The value of an option that is not chosen yet."""
BEFORE = "all"
"""Which weights decayed in runs from before there was a choice."""
CHOSEN = ("precision", "layout", "threads")
"""Options that a run may choose at its first batch."""
LAID_OUT = (OPEN, "bf16")
"""Precisions with which the memory format of images is chosen, too."""
FREE = ("device", "save_every", "keep", "exact", "sinks", "profile", "autotune")
"""Options that may differ where a run goes on: the device's kind and what a run chose are compared
as such, the others change no number of it. All further ones are compared: `parallel` with the
machine (`Circumstances`), the rest here."""
LATER = ("monitor", "patience", "min_delta", "nonfinite", "recompute", "compile", "deterministic")
"""Options that runs from before did not keep: there they are not compared."""


@dataclass
class RunConfig:
    """The options of a run, as plain values.

    Attributes:
        batches: in an epoch, None if unknown.
        clip, average, optimizer, schedule: specs as text, the latter two by player.
        decay: which weights decay.
        layer_decay, groups: rates by depth, rates and decay by name, the latter as text.
        muon: what it steps, where it trains a player: `hidden` weights, or `matrices`, in runs from
            before there was a choice.
        precision, layout, threads: `OPEN` until they are chosen.
        monitor: with its direction.
    """

    seed: int
    accumulate: int
    batches: int | None
    epochs: int
    clip: float | str | None
    log_every: int | None
    average: str | None
    precision: str
    optimizer: dict[str, str] = field(default_factory=dict)
    schedule: dict[str, str] = field(default_factory=dict)
    layout: str | None = None
    threads: int | str | None = None
    decay: str = BEFORE
    layer_decay: float | None = None
    groups: str | None = None
    muon: str | None = None
    monitor: str = ""
    patience: int | None = None
    min_delta: float = 0.0
    nonfinite: str = "stop"
    recompute: list[str] | bool = False
    compile: bool = False
    deterministic: bool = False

    def state_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)

    def differs(self, before: Mapping[str, Any], /) -> dict[str, tuple[Any, Any]]:
        """What another run's state has otherwise, by name: its value and ours."""
        theirs, ours = canonical(before), self.state_dict()
        theirs = {key: ours[key] for key in LATER} | {"decay": BEFORE, "muon": self.muon} | theirs
        return {
            key: (theirs.get(key), value) for key, value in ours.items() if theirs.get(key) != value
        }

    def open(self) -> set[str]:
        """What is still to be chosen."""
        return {key for key in CHOSEN if getattr(self, key) == OPEN}

    def take(self, before: Mapping[str, Any], /) -> dict[str, Any]:
        """Take over what an earlier part of the run chose; returns its state with our choices.

        A checkpoint from before the first batch left it open.
        """
        for key in self.open():
            if key in before:
                setattr(self, key, before[key])
        mine = {key: getattr(self, key) for key in CHOSEN if before.get(key) == OPEN}
        return {**before} | mine
