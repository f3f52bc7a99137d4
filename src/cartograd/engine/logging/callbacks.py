"""Callbacks: objects that look at a run while it lasts, and may stop it.

Any object with some of the methods of `MOMENTS` is one; each is given a `View`. The metrics file,
sinks and the progress display are such objects, too; they are called in the lead process only, and
a sink that fails is a warning. Those of the user are called in every process. What one of them
changes (weights, learning rates) is noted in the run's events; what its `state_dict` gives, where
it has one, goes into checkpoints.

>>> class Enough:
...     def on_step(self, view):
...         if view.step == 3:
...             view.stop()
>>> Callbacks(users=checked([Enough()])).names
['0 Enough']
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch

from cartograd.core.errors import UsageError
from cartograd.engine.logging.view import View
from cartograd.engine.optim.player import Player

MOMENTS = {
    "on_start": "the run begins, or goes on",
    "on_step": "a step was taken; the only moment that costs time at each step",
    "on_report": "losses were read: a few times a second, before a checkpoint, at an epoch's end",
    "on_validate": "an epoch was validated",
    "on_epoch": "an epoch is over, and recorded",
    "on_save": "a checkpoint was taken",
    "on_end": "the run got through, and has the best weights",
    "on_close": "the run is over, for whatever reason",
}
"""The methods that a callback may have, and when each is called."""

AFTER = ("on_end", "on_close")
"""The moments after the last step."""

Call = Callable[[View], Any]


def checked(given: Any, /, what: str = "callback") -> list[Any]:
    """One callback or several, as a list.

    Raises:
        UsageError: one of them has none of the methods.
    """
    several = list(given) if isinstance(given, list | tuple) else [given]
    for one in several:
        if isinstance(one, type) or not any(callable(getattr(one, m, None)) for m in MOMENTS):
            name = one.__name__ if isinstance(one, type) else type(one).__name__
            raise UsageError(
                f"{name} is no {what}: expected an object with some of the methods "
                f"{', '.join(MOMENTS)}, each of which takes a view of the run"
            )
    return several


class Callbacks:
    """The callbacks of a run, in the order in which they are called.

    Args:
        own: of the engine itself.
        sinks: by name; one that fails is left out from then on, with a warning.
        users: of the user.
    """

    def __init__(
        self,
        *,
        own: Iterable[Any] = (),
        sinks: Iterable[tuple[str, Any]] = (),
        users: Iterable[Any] = (),
    ) -> None:
        self.users = {f"{place} {type(one).__name__}": one for place, one in enumerate(users)}
        self.changed: dict[str, list[str]] = {}
        self.begun = False
        self.event: Callable[..., None] = _unheard
        members = [_methods(one) for one in own]
        members += [Sparing(f"the sink {name!r}").around(_methods(one)) for name, one in sinks]
        members += [self._watching(name, _methods(one)) for name, one in self.users.items()]
        self.members: list[dict[str, Call]] = members
        self.calls = {m: [calls[m] for calls in members if m in calls] for m in MOMENTS}

    @property
    def names(self) -> list[str]:
        """Of the user's callbacks: their place and class."""
        return list(self.users)

    @property
    def heard(self) -> set[str]:
        """The moments at which anything is called."""
        return {moment for moment, calls in self.calls.items() if calls}

    @contextmanager
    def attached(self, view: View, /) -> Iterator[None]:
        """Call `on_start` now, and at the end `on_close` of all that were started."""
        with ExitStack() as stack:
            for calls in self.members:
                calls.get("on_start", _unheard)(view)
                stack.callback(calls.get("on_close", _unheard), view)
            yield

    def call(self, moment: str, view: View, /) -> None:
        """Call those that have this method."""
        for call in self.calls[moment]:
            call(view)

    def _watching(self, name: str, calls: Mapping[str, Call]) -> dict[str, Call]:
        return {m: partial(self._watched, name, m, call) for m, call in calls.items()}

    def _watched(self, name: str, moment: str, call: Call, view: View) -> None:
        """Call one of the user's; what it changes is noted as an event, once each.

        Where it fails after the training, that is a warning: what was learned is kept.
        """
        self.begun = True
        sums = moment != "on_step"
        before = _prints(view.players, sums=sums)
        try:
            call(view)
        except Exception as error:
            if moment not in AFTER:
                raise
            told = f"the callback {name} failed in {moment}, after the training: {_line(error)}"
            warnings.warn(told, stacklevel=2)
        after = _prints(view.players, sums=sums)
        for what, value in after.items():
            if value != before[what] and what not in self.changed.setdefault(name, []):
                self.changed[name].append(what)
                self.event("changed", by=name, what=what, step=view.step)

    def state_dict(self) -> dict[str, Any]:
        """What each of the user's has changed, and its state if it has one."""
        return {
            name: {
                "changed": list(self.changed.get(name, [])),
                "state": one.state_dict() if _stateful(one) else None,
            }
            for name, one in self.users.items()
        }

    def resume(self, parts: Mapping[str, Any], /, *, exact: bool) -> None:
        """Put states back, and say whether the run goes on bit for bit.

        Raises:
            UsageError: it would not, and `exact` asks for it.
        """
        open_ = []
        for name, found in parts.get("callbacks", {}).items():
            one = self.users.get(name)
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
            self.event("callbacks", told=f"exact as long as {', '.join(open_)} changes nothing")

    def _inexact(self, name: str, *, exact: bool) -> None:
        told = f"the callback {name} changed the run and its state is not there, so it"
        if exact:
            raise UsageError(
                f"{told} would not go on bit for bit; give the same callback, with state_dict and "
                "load_state_dict, or go on all the same with exact=False"
            )
        warnings.warn(f"{told} does not go on bit for bit", stacklevel=2)


def spared(name: str, one: Any, /) -> Any:
    """The same callback, whose failure is a warning; the run goes on without it."""
    return SimpleNamespace(**Sparing(name).around(_methods(one)))


class Sparing:
    """Calls of a callback whose failure is a warning, and no reason to lose a run.

    Args:
        name: what it is, for messages.
    """

    def __init__(self, name: str, /) -> None:
        self.name = name
        self.failed = False

    def around(self, calls: Mapping[str, Call], /) -> dict[str, Call]:
        """The same calls; after one that failed none is made."""
        return {m: partial(self._call, m == "on_start", call) for m, call in calls.items()}

    def _call(self, starts: bool, call: Call, view: View) -> None:
        if self.failed:
            return
        try:
            call(view)
        except Exception as error:
            self.failed = True
            if starts and isinstance(error, UsageError):
                raise
            line = _line(error)
            if starts:
                raise UsageError(f"{self.name} cannot be opened: {line}") from error
            told = f"{self.name} failed, the run goes on without it: {line}"
            warnings.warn(told, stacklevel=2)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _unheard(*_: Any, **__: Any) -> None:
    """Where nobody listens."""


def _methods(one: Any) -> dict[str, Call]:
    found = {moment: getattr(one, moment, None) for moment in MOMENTS}
    return {moment: call for moment, call in found.items() if callable(call)}


def _stateful(one: Any) -> bool:
    return all(callable(getattr(one, name, None)) for name in ("state_dict", "load_state_dict"))


def _prints(players: Mapping[str, Player], *, sums: bool) -> dict[str, Any]:
    """Fingerprints that show whether weights or optimizer settings were changed.

    In-place changes are counted by torch itself; those by `weight.data` show in the sums, which are
    only made where there is time. Of sharded weights each process looks at its own shards.
    """
    weights = [weight for player in players.values() for weight in player.params]
    found: list[Any] = [weight._version for weight in weights]
    if sums:
        own = [weight for player in players.values() for weight in _own(player)]
        found += torch.stack([weight.detach().double().sum() for weight in own]).tolist()
    groups = [
        {key: value for key, value in group.items() if key != "params"}
        for player in players.values()
        for group in player.optimizer.param_groups
    ]
    return {"weights": found, "optimizer": groups}


def _own(player: Player) -> list[Any]:
    """The weights, or this process's shards of them."""
    if not player.processes.sharded:
        return list(player.params)
    from cartograd.engine.distributed import shard

    return [shard.local(weight) for weight in player.params]
