"""Which balls are verified, and what an attack leaves of them."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from cartograd.apps.verbs.attack import attack, bounded, classes_of, outputs_of
from cartograd.apps.verbs.attack_size import range_of
from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Split
from cartograd.frontier.security.ball import Norm
from cartograd.frontier.security.ball import check as check_norm
from cartograd.frontier.verification.certified import ANYWHERE
from cartograd.frontier.verification.text import of_vectors, reads_text

ATTACK = "pgd:steps=20"
SHARES = (0.002, 0.005, 0.01, 0.02)
"""Default sizes, as shares of the width of the bounds."""


def measured(specs: list[Spec], norm: Norm, /) -> list[Spec]:
    """Verifiers of balls that a norm measures.

    Raises:
        UsageError: one of them proves boxes alone, or sets of its own.
    """
    if check_norm(norm) == "linf":
        return specs
    takes = {name: "norm" in hyperparameters(registry.find(name, kind="verifier")[0])
             for name in (spec.name for spec in specs)}  # fmt: skip
    without = [name for name, taken in takes.items() if not taken]
    if without:
        raise UsageError(
            f"norm={norm} means nothing to {', '.join(without)}; ibp, crown and alpha-crown prove "
            "balls of it"
        )
    return [replace(spec, args=spec.args | {"norm": norm}) for spec in specs]


def stand(model: Signed, few: Split, /, *, eps: float, norm: Norm) -> Bool[Tensor, " n"]:
    """Which examples are answered rightly under the attack; of texts it moves the vectors."""
    if not reads_text(model):
        spec = bounded(ATTACK, model, few.inputs)
        own = replace(spec, args=spec.args | {"eps": eps, "norm": norm})
        moved = attack(model, few.inputs, few.targets, method=own).cpu()
        return classes_of(outputs_of(model, moved)) == few.targets
    found = []
    for tokens, target in zip(few.inputs, few.targets, strict=True):
        one = of_vectors(model, tokens)
        x, y = one.vectors(), target[None]
        attacker = build(ATTACK, kind="attack", eps=eps, norm=norm, bounds=ANYWHERE)
        moved = attacker(one, x, y)
        with evaluating(one), torch.no_grad():
            found.append(classes_of(one(moved)) == y)
    return torch.cat(found)


def sizes_of(eps: Sequence[float], model: Signed, x: Tensor, norm: Norm, /) -> tuple[float, ...]:
    """The sizes that are asked for, from small to large, or the default ones.

    Raises:
        UsageError: a size is not above 0.
    """
    if any(not 0 < size < float("inf") for size in eps):
        raise UsageError(f"eps={list(eps)}; expected numbers above 0")
    if eps:
        return tuple(sorted(set(map(float, eps))))
    own = model.signature.input.bounds
    if reads_text(model):
        own, x = None, of_vectors(model, x[0]).vectors()
    low, high = own or range_of(x)
    width = (high - low) * (math.sqrt(x[0].numel()) if norm == "l2" else 1)
    return tuple(share * width for share in SHARES)
