"""Specs of schedules, in torch's names or the cards', looked up without importing torch."""

from cartograd.core import known, registry, source
from cartograd.core.errors import unknown
from cartograd.core.spec import Spec
from cartograd.engine.optim.torch_names import schedulers

PER_EPOCH = ("step", "multistep", "exponential", "LambdaLR", "MultiplicativeLR")
"""Schedules that count epochs unless told otherwise."""

CYCLING = ("onecycle", "cyclic")
"""Schedules that set the momentum, too, unless told otherwise."""

UNITS = ("step", "epoch")
"""What a schedule may count: `per=`."""

CLASSES: dict[str, str] = {
    "ChainedScheduler": "chained",
    "ConstantLR": "constant:factor=0.3333333333333333",
    "CosineAnnealingLR": "cosine",
    "CosineAnnealingWarmRestarts": "warm-restarts",
    "CyclicLR": "cyclic",
    "ExponentialLR": "exponential",
    "LinearLR": "linear",
    "MultiStepLR": "multistep",
    "OneCycleLR": "onecycle",
    "PolynomialLR": "polynomial",
    "ReduceLROnPlateau": "plateau",
    "SequentialLR": "sequential",
    "StepLR": "step",
}
"""Torch's classes, and the cards that do the same."""

WORDS = {
    "T_max": "total", "total_iters": "total", "total_steps": "total", "T_0": "period",
    "T_mult": "growth", "eta_min": "min_lr", "base_lr": "min_lr", "gamma": "factor",
    "step_size": "every", "step_size_up": "up", "step_size_down": "down", "start_factor": "start",
    "end_factor": "end", "pct_start": "rise", "anneal_strategy": "anneal",
    "base_momentum": "min_momentum",
}  # fmt: skip
"""Torch's arguments, and what they are called here."""


def ours(spec: str | Spec, /) -> Spec:
    """A spec in the names of the cards; a class of torch without a card keeps its own.

    >>> str(ours("CosineAnnealingLR:T_max=10")), str(ours("step:step_size=3,per=step"))
    ('cosine:total=10', 'step:every=3,per=step')

    Raises:
        UsageError: there is no such schedule, with the nearest name.
    """
    spec = Spec.parse(spec)
    cards = [card for card in registry.cards().values() if card.kind == "schedule"]
    names = {word: card.name for card in cards for word in (*card.aliases, card.name)}
    specs = {_plain(word): Spec.parse(text) for word, text in (names | CLASSES).items()}
    specs |= {_plain(word): Spec(word) for word in schedulers() if word not in CLASSES}
    short = {word.removesuffix("lr"): own for word, own in specs.items() if word.endswith("lr")}
    own = (short | specs).get(_plain(spec.name))
    if own is None or own.name == "LRScheduler":
        raise unknown("schedule", spec.name, {*names.values(), *CLASSES})
    if own.name in schedulers():
        return Spec(own.name, spec.args, spec.subject)
    args = {WORDS.get(key, key): value for key, value in spec.args.items()}
    return Spec(own.name, own.args | args, spec.subject)


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def check_schedule(text: str | Spec, /) -> None:
    """Refuse what is no schedule, torch's or our own.

    Raises:
        UsageError: unknown name or argument, or a value out of range.
    """
    spec = ours(text)
    per = str(spec.args.get("per", UNITS[0]))
    if per not in UNITS:
        raise unknown("unit of a schedule", per, UNITS)
    if spec.name in schedulers():
        return  # torch says what is wrong with its arguments
    card, _ = registry.find(spec.name, kind="schedule")
    own = {item.name for item in source.arguments(card)}
    further = {"per", "warmup"} | ({"metric"} if spec.name == "plateau" else set())
    further |= {"cycle_momentum"} if spec.name in CYCLING else set()
    args = {key: value for key, value in spec.args.items() if key in own or key not in further}
    parts = args.pop("schedulers", ())
    for part in parts if isinstance(parts, tuple | list) else ():
        check_schedule(part)
    known.check(Spec(spec.name, args, spec.subject), kind="schedule")
