"""How the settings of a training (`--set`) are looked up, without torch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cartograd.apps.load import named, settings
from cartograd.core import known, registry
from cartograd.core.errors import nearest
from cartograd.core.spec import Spec
from cartograd.engine.loop.clip_spec import clip_spec
from cartograd.engine.loop.policy import Policy
from cartograd.engine.optim.schedule_names import check_schedule
from cartograd.engine.optim.torch_names import check_optimizer
from cartograd.practice.decisions.rules import rule

ALIKE = 0.7
"""How like a loss a word is that is taken for a slip of it."""


def method(kind: str, /) -> Callable[[str], object]:
    """What looks up specs of a kind."""
    return lambda word: known.check(word, kind=kind)


def by_name(kind: str) -> Callable[[str], object]:
    """What looks up a name alone: the arguments are not all the method's own."""
    return lambda word: registry.find(Spec.parse(word).name, kind=kind)


def _augmented(word: str) -> None:
    for spec in Spec.chain(word):
        known.check(spec, kind="augmentation")


def _filter(word: str) -> None:
    """A detector, and beside its own arguments the run by whose features it judges."""
    spec = Spec.parse(word)
    run = spec.args.get("run")
    args = {key: value for key, value in spec.args.items() if key != "run"}
    known.check(Spec(spec.name, args, spec.subject), kind="detector")
    if isinstance(run, str):
        named.check_target(run)


def _loss(word: str) -> None:
    """A loss with a card, or a slip of one; some objectives have words of their own."""
    name = Spec.parse(word).name
    losses = registry.spellings(kind="loss")
    if registry.lookup(name, kind="loss") or nearest(name, losses, alike=ALIKE):
        known.check(word, kind="loss")


def _nonfinite(word: str) -> None:
    Policy.parse(word, folder=True)


SPECS: dict[str, Callable[[str], object]] = {
    "objective": method("objective"),
    "loss": _loss,
    "optimizer": check_optimizer,
    "schedule": check_schedule,
    "clip": clip_spec,
    "average": method("average"),
    "nonfinite": _nonfinite,
    "augment": _augmented,
    "init": method("initialiser"),
    "adapter": method("adapter"),
    "privacy": method("privacy"),
    "federated": method("federated"),
    "threshold": rule,
    "filter": _filter,
    "poison": by_name("poison"),
}
"""Settings of a training that are specs, and what looks each up."""


def check_settings(value: Sequence[str], given: Mapping[str, Any]) -> None:
    """The settings of a training: names, types, ranges, and the methods that they name."""
    if given.get("model") == "auto":
        return
    said = settings.parsed(value)
    found = settings.merged(None, said)
    for key in said:
        word = found[key].value if key in found else None
        if key in SPECS and isinstance(word, str | Spec):
            SPECS[key](str(word))
