"""Every optimizer of torch, by spec: `adamw:lr=3e-3,weight_decay=0.01`.

Names are torch's class names in lower case (`sgd`, `rmsprop`, `sparse_adam`); keys are torch's
own arguments. The library's own rules (`lion`, `momentum`) go by the names of their cards where
torch has none of that name. Where it has one, the card's arguments are torch's, with its defaults.
`muon` steps matrices; AdamW at the same rate steps all other parameters.
"""

import inspect
from collections.abc import Collection, Iterable
from functools import cache

import torch
from torch import nn

from cartograd.core import registry
from cartograd.core.build import entry, hyperparameters, resolve, today
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.engine.optim import torch_spec
from cartograd.engine.optim.combined import Combined
from cartograd.engine.optim.functional import FunctionalOptimizer


@cache
def optimizers() -> dict[str, type[torch.optim.Optimizer]]:
    """Torch's optimizers by name."""
    classes = [getattr(torch.optim, name) for name in torch.optim.__all__]
    return {
        found.__name__.lower(): found
        for found in classes
        if inspect.isclass(found)
        and issubclass(found, torch.optim.Optimizer)
        and found is not torch.optim.Optimizer
    }


def undecayed(module: nn.Module, /) -> set[int]:
    """The ids of weights without weight decay: biases, norms and embeddings."""
    tables = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    return {id(p) for p in module.parameters() if p.ndim < 2 or id(p) in tables}


def spare(optimizer: torch.optim.Optimizer, free: Collection[int], /) -> None:
    """Move these parameters of each group that decays into a group beside it that does not."""
    if isinstance(optimizer, Combined):
        for part in optimizer.parts:
            spare(part, free)
        optimizer.join()
        return
    for group in list(optimizer.param_groups):
        left = [p for p in group["params"] if id(p) in free]
        if not group.get("weight_decay") or not left:
            continue
        if len(left) == len(group["params"]):
            group["weight_decay"] = 0.0
            continue
        group["params"] = [p for p in group["params"] if id(p) not in free]
        optimizer.param_groups.append({**group, "params": left, "weight_decay": 0.0})


def optimizer(spec: str | Spec, params: Iterable[nn.Parameter], /) -> torch.optim.Optimizer:
    """Make an optimizer, with torch's fused kernel (one pass over the weights) where it has one.

    Args:
        spec: `"sgd:lr=0.1,momentum=0.9"`, or the `Spec`.
        params: the parameters to step.

    Raises:
        UsageError: unknown name or argument (with the nearest match), a value of the wrong type
            or out of range, or an optimizer that cannot step these parameters.
    """
    spec = Spec.parse(spec)
    params = list(params)
    for card, name in registry.lookup(spec.name, kind="optimizer"):
        spec = Spec(name, today(card, spec.args), spec.subject)
        if name not in optimizers():
            return _own(spec, params)
    make = torch_spec.find(spec.name, optimizers(), "optimizer")
    if make is torch.optim.Muon and any(p.ndim != 2 for p in params):
        return _with_rest(spec, params)
    _check_able(make, params)
    allowed = torch_spec.arguments(make, without=("params",))
    torch_spec.check(spec, allowed)
    if "fused" in allowed and not {"fused", "foreach", "differentiable"} & set(spec.args):
        try:
            return make(params, **{**spec.args, "fused": True})
        except (RuntimeError, ValueError, TypeError):
            pass  # no fused kernel here, or wrong arguments: torch says which below
    return torch_spec.make(make, params, spec.args, spec)


def _with_rest(spec: Spec, params: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Muon for the matrices, and AdamW at the same rate, without decay, for all else."""
    matrices = [p for p in params if p.ndim == 2]
    rest = [p for p in params if p.ndim != 2]
    lr = spec.args.get("lr", 1e-3)
    others = optimizer(Spec("adamw", {"lr": lr, "weight_decay": 0.0}), rest)
    return Combined([optimizer(spec, matrices), others]) if matrices else others


def _own(spec: Spec, params: list[nn.Parameter]) -> FunctionalOptimizer:
    """The library's own rule, with its defaults filled in."""
    card, full = resolve(spec, kind="optimizer")
    defaults = {key: parameter.default for key, parameter in hyperparameters(card).items()}
    _check_able(FunctionalOptimizer, params)
    return FunctionalOptimizer(params, entry(card), defaults | full.args, renamed=card.renamed)


def _check_able(make: type[torch.optim.Optimizer], params: list[nn.Parameter]) -> None:
    if not params:
        raise UsageError(f"{make.__name__} was given no parameters that require a gradient")
    if make is torch.optim.LBFGS:
        raise UsageError(
            "lbfgs evaluates its loss many times in one step, which an objective that yields its "
            "losses one after the other does not allow; use adamw or sgd"
        )
