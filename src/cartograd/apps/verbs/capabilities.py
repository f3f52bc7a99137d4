"""What a generative model can do, in which way, and why it cannot do the rest.

Codes are `exact` where an example comes back of its own, `lossy` where they are shorter than it,
found by `inversion` of a diffusion model's flow, or looked for (`projection`) in a generator's
noise. How near examples of codes come is measured by `round_trip`.
"""

from typing import Any, cast

from torch import nn

from cartograd.apps.load.abilities import Abilities
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.generative import Codes, Draws, Fills, Lacks, Rebuilds, Truncates
from cartograd.core.spec import Spec
from cartograd.core.task import Task, find
from cartograd.generative.diffusion.denoiser import denoiser_of

NO_CODES = "it has no codes for examples"
REASONS = {
    "sample": "it knows how likely examples are, and not how to make one",
    "log_prob": "it makes examples of noise and has no density for them",
    "encode": NO_CODES,
    "decode": NO_CODES,
    "interpolate": NO_CODES,
    "reconstruct": "no code of it leaves anything out",
    "inpaint": "it makes whole examples only",
}
"""All that there is to be done, and why a model cannot that says no reason of its own."""


def capabilities_of(model: nn.Module, task: Task, /) -> dict[str, str]:
    """Each thing with its kind, of a model with this task; what it cannot do is left out."""
    lacks = model.lacks if isinstance(model, Lacks) else {}
    can = {what: how for what, how in _offered(model, task).items() if what not in lacks}
    if {"encode", "decode"} <= can.keys():
        return can
    return {what: how for what, how in can.items() if how not in ("codes", "projection")}


def refusals_of(model: nn.Module, task: Task, /) -> dict[str, str]:
    """What the model cannot do, each with the reason."""
    can = capabilities_of(model, task)
    return {what: reason(model, what) for what in REASONS if what not in can}


def abilities_of(card: Card, /) -> Abilities:
    """What a model can do in its smallest form, and what it cannot and why."""
    model, task = build(Spec(card.name, dict(card.tiny)), kind="model"), find(card.answers)
    return capabilities_of(model, task), refusals_of(model, task)


def reason(model: nn.Module, what: str, /) -> str:
    """Why a model cannot do something: its own reason, or the usual one."""
    own = model.lacks.get(what) if isinstance(model, Lacks) else None
    return own or REASONS[what]


def _offered(model: nn.Module, task: Task) -> dict[str, str]:
    if denoiser_of(model) is not None:
        return {
            "sample": "noise" if task.draws else "own", "log_prob": "ode, vlb",
            "encode": "inversion", "decode": "ddim", "interpolate": "codes", "inpaint": "repaint",
        }  # fmt: skip
    if task.draws:
        truncated = ", truncation" if isinstance(model, Truncates) else ""
        return {
            "sample": "noise" + truncated, "encode": "projection", "decode": "noise",
            "interpolate": "codes", "reconstruct": "projection", "inpaint": "projection",
        }  # fmt: skip
    found = {"sample": "own"} if isinstance(model, Draws) else {}
    if not task.rebuilds:
        found["log_prob"] = cast("Any", model).likelihood
    if isinstance(model, Codes):
        short = isinstance(model, Rebuilds)
        found |= {"encode": "lossy" if short else "exact", "decode": "own", "interpolate": "codes"}
    if isinstance(model, Rebuilds):
        found["reconstruct"] = "own"
    if isinstance(model, Fills):
        found["inpaint"] = "own"
    return found
