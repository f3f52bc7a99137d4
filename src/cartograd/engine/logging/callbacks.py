"""Callbacks: objects of the user that follow a run and may stop it.

Any object with some of the methods `on_step`, `on_validate`, `on_epoch`, `on_save`, `on_end` is
one; each is given a `View`. What one changes (weights, learning rates) is noted in the run's
events. What its `state_dict` gives, where it has one, goes into checkpoints.

>>> class Enough:
...     def on_step(self, view):
...         if view.step == 3:
...             view.stop()
>>> Callbacks.of([Enough()]).names
['0 Enough']
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.optim.player import Player

MOMENTS = ("on_step", "on_validate", "on_epoch", "on_save", "on_end")


@dataclass
class View:
    """A run at one moment.

    Attributes:
        model: the player called `model`, or the only one.
        players: what is trained, by name, each with its module and optimizer.
        records: one per epoch so far; the last is that of the epoch that has just been validated.
        step: steps taken.
        epoch: the epoch under way, from 1.
        stopped: whether somebody asked for the end of the run.
    """

    model: nn.Module | None
    players: Mapping[str, Player] = field(repr=False)
    records: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    epoch: int = 1
    stopped: bool = False

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimizers by player."""
        return {name: player.optimizer for name, player in self.players.items()}

    def stop(self) -> None:
        """End the run: the epoch ends here, and is validated and recorded."""
        self.stopped = True


@runtime_checkable
class Place(Protocol):
    """The position of a run."""

    epoch: int
    step: int
    history: list[dict[str, Any]]
    stopped: str | None


class Callbacks:
    """The callbacks of a run.

    Args:
        given: objects with some of the methods of `MOMENTS`.
    """

    def __init__(self, given: Iterable[Any], /) -> None:
        self.given = {f"{place} {type(one).__name__}": one for place, one in enumerate(given)}
        self.changed: dict[str, list[str]] = {}
        self.begun = False
        self.calls: dict[str, list[tuple[str, Callable[[View], Any]]]] = {}
        for moment in MOMENTS:
            found = [(name, getattr(one, moment, None)) for name, one in self.given.items()]
            self.calls[moment] = [(name, call) for name, call in found if callable(call)]

    @classmethod
    def of(cls, given: Any, /) -> "Callbacks":
        """One object or several.

        Raises:
            UsageError: one of them has none of the methods.
        """
        several = list(given) if isinstance(given, list | tuple) else [given]
        for one in several:
            if not any(callable(getattr(one, moment, None)) for moment in MOMENTS):
                raise UsageError(
                    f"{type(one).__name__} is no callback: it has none of the methods "
                    f"{', '.join(MOMENTS)}"
                )
        return cls(several)

    @property
    def names(self) -> list[str]:
        """Names of the callbacks: their index and class."""
        return list(self.given)

    def call(self, moment: str, view: View, at: Place, event: Callable[..., None], /) -> bool:
        """Call those that have this method; true if one has asked to stop the run.

        What one of them changes is recorded as an event, once each.
        """
        if not self.calls[moment]:
            return False
        self.begun = True
        view.records, view.step, view.epoch = at.history, at.step, at.epoch + 1
        players = view.players
        for name, call in self.calls[moment]:
            before = _prints(players, sums=moment != "on_step")
            call(view)
            after = _prints(players, sums=moment != "on_step")
            for what, value in after.items():
                if value != before[what] and what not in self.changed.setdefault(name, []):
                    self.changed[name].append(what)
                    event("changed", by=name, what=what, step=view.step)
        if view.stopped and at.stopped is None:
            at.stopped = "callback"
        return view.stopped

    def state_dict(self) -> dict[str, Any]:
        """What each has changed, and its state if it has one."""
        return {
            name: {
                "changed": list(self.changed.get(name, [])),
                "state": one.state_dict() if _stateful(one) else None,
            }
            for name, one in self.given.items()
        }

    def resume(
        self, parts: Mapping[str, Any], /, *, exact: bool, event: Callable[..., None]
    ) -> None:
        """Restore the states, and say whether the run still resumes bit for bit.

        Raises:
            UsageError: it would not, and `exact` asks for it.
        """
        open_ = []
        for name, found in parts.get("callbacks", {}).items():
            one = self.given.get(name)
            self.changed[name] = list(found["changed"])
            if one is not None and found["state"] is not None and _stateful(one):
                one.load_state_dict(found["state"])
            elif self.begun:  # the run goes back to a checkpoint of its own
                continue
            elif found["changed"] or (found["state"] is not None and one is not None):
                self._inexact(name, exact=exact)
            elif one is not None:
                open_.append(name)
        if open_:
            event("callbacks", told=f"exact as long as {', '.join(open_)} changes nothing")

    def _inexact(self, name: str, *, exact: bool) -> None:
        told = f"the callback {name} changed the run and its state is not there, so it"
        if exact:
            raise UsageError(
                f"{told} would not go on bit for bit; give the same callback, with state_dict and "
                "load_state_dict, or go on all the same with exact=False"
            )
        warnings.warn(f"{told} does not go on bit for bit", stacklevel=2)


def _stateful(one: Any) -> bool:
    return all(callable(getattr(one, name, None)) for name in ("state_dict", "load_state_dict"))


def _prints(players: Mapping[str, Player], *, sums: bool) -> dict[str, Any]:
    """Fingerprints that show whether weights or optimizer settings were changed.

    In-place changes are counted by torch itself; those by `weight.data` show in the sums, which are
    only made where there is time.
    """
    weights = [weight for player in players.values() for weight in player.params]
    found: list[Any] = [weight._version for weight in weights]
    if sums:
        found += torch.stack([weight.detach().double().sum() for weight in weights]).tolist()
    groups = [
        {key: value for key, value in group.items() if key != "params"}
        for player in players.values()
        for group in player.optimizer.param_groups
    ]
    return {"weights": found, "optimizer": groups}
