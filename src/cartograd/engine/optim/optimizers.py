"""Every optimizer of torch, by spec: `adamw:lr=3e-3,weight_decay=0.01`.

Names are torch's class names in lower case (`sgd`, `rmsprop`, `sparse_adam`); keys are torch's
own arguments. The library's own rules (`lion`, `momentum`) go by the names of their cards where
torch has none of that name. Where it has one, the card's arguments are torch's, with its defaults.
`muon` steps the hidden matrices of a model (see `hidden`); AdamW at the same rate, without decay,
takes all else: embeddings, the output layer, biases, norms. `groups="PATTERN:optimizer=muon"` and
`"PATTERN:optimizer=adamw"` say otherwise, with any optimizer of a run.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from cartograd.core import registry
from cartograd.core.build import entry, hyperparameters, resolve, today
from cartograd.core.errors import UsageError, unknown
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.optim import torch_spec
from cartograd.engine.optim.combined import Combined
from cartograd.engine.optim.functional import FunctionalOptimizer
from cartograd.engine.optim.hidden import hidden
from cartograd.engine.optim.muon import Muon, check_matrices

REST = "adamw"
"""Steps what an optimizer does not take."""
SHARDED = (torch.optim.Adam, torch.optim.AdamW)
"""Optimizers whose fused kernels torch has for sharded weights, too."""


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


@cache
def _fuses(make: Callable[..., Any], device: torch.device, dtype: torch.dtype) -> bool:
    """Whether torch's kernel steps such weights; of some optimizers only the first step tells."""
    if device.type == "meta":
        return True
    weight = nn.Parameter(torch.zeros(1, device=device, dtype=dtype))
    weight.grad = torch.zeros_like(weight)
    try:
        make([weight], fused=True).step()
    except (RuntimeError, ValueError, TypeError):
        return False
    return True


def optimizer(
    spec: str | Spec | Callable[..., Any], params: Iterable[nn.Parameter], /
) -> torch.optim.Optimizer:
    """Make an optimizer, with torch's fused kernel (one pass over the weights) where it has one.

    Args:
        spec: `"sgd:lr=0.1,momentum=0.9"`, the `Spec`, or a function that makes an optimizer of
            parameters.
        params: the parameters to step.

    Raises:
        UsageError: unknown name or argument (with the nearest match), a value of the wrong type
            or out of range, or an optimizer that cannot step these parameters.
    """
    params = list(params)
    if not isinstance(spec, str | Spec):
        return _of_factory(spec, params)
    spec = Spec.parse(spec)
    for card, name in registry.lookup(spec.name, kind="optimizer"):
        spec = Spec(name, today(card, spec.args), spec.subject)
        if name not in optimizers():
            return _own(spec, params)
    make = torch_spec.find(spec.name, optimizers(), "optimizer")
    _check_able(make, params)
    allowed = torch_spec.arguments(make, without=("params",))
    torch_spec.check(spec, allowed)
    if make is torch.optim.Muon:
        check_matrices(params)
        return torch_spec.make(Muon, params, spec.args, spec)
    able = make in SHARDED or all(type(p) is nn.Parameter for p in params)
    able = able and all(p.is_floating_point() for p in params)  # no complex numbers
    able = able and "fused" in allowed and not {"fused", "foreach", "differentiable"} & {*spec.args}
    if able and all(
        _fuses(make, kind, dtype) for kind, dtype in {(p.device, p.dtype) for p in params}
    ):
        try:
            return make(params, **{**spec.args, "fused": True})
        except (RuntimeError, ValueError, TypeError):
            pass  # wrong arguments: torch says which below
    return torch_spec.make(make, params, spec.args, spec)


def for_module(
    spec: str | Spec | Callable[..., Any],
    module: nn.Module,
    /,
    *,
    given: Mapping[str, str] = MappingProxyType({}),
    muon: str = "hidden",
) -> torch.optim.Optimizer:
    """An optimizer for what a module trains, with AdamW beside it for what it does not take.

    Args:
        spec: as for `optimizer`.
        module: whose parameters require gradients.
        given: by the name of a parameter: `adamw`, or the name of the spec.
        muon: what it steps: `hidden` weights, or all `matrices`, as it did.

    Raises:
        UsageError: as for `optimizer`; another name; nothing is left for the spec itself; a
            function's optimizer does not step what the module trains.
    """
    if not isinstance(spec, str | Spec):
        if given:
            raise UsageError(
                "groups name optimizers beside that of a spec; a function of your own makes its "
                "own groups"
            )
        return _checked(optimizer(spec, module_parameters(module)), module)
    spec = Spec.parse(spec)
    learned = {name: p for name, p in module.named_parameters() if p.requires_grad}
    makes_muon = spec.name.lower() == "muon"
    taken = set(learned)
    if makes_muon:
        plain = {name for name, p in learned.items() if p.ndim == 2}
        taken = hidden(module) if muon == "hidden" else plain
    for name, word in given.items():
        if word not in {spec.name, REST}:
            raise unknown("optimizer of a group", word, sorted({spec.name, REST}))
        taken = taken | {name} if word == spec.name else taken - {name}
    rest = [p for name, p in learned.items() if name not in taken]
    own = [p for name, p in learned.items() if name in taken]
    if not own and rest:
        told = " (hidden matrices: the weights of layers but the last)" if makes_muon else ""
        raise UsageError(
            f"{spec.name} has nothing to step in {type(module).__name__}{told}; use {REST}, or "
            f"name parameters for it: groups='PATTERN:optimizer={spec.name}'"
        )
    made = optimizer(spec, own)
    if not rest:
        return made
    rate = float(made.param_groups[0]["lr"])
    return Combined([made, optimizer(Spec(REST, {"lr": rate, "weight_decay": 0.0}), rest)])


def module_parameters(module: nn.Module, /) -> list[nn.Parameter]:
    """What a module trains."""
    return [p for p in module.parameters() if p.requires_grad]


def _of_factory(factory: Callable[..., Any], params: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that a user's function makes."""
    made = factory(params)
    if not isinstance(made, torch.optim.Optimizer):
        raise UsageError(
            f"optimizer= is a function that made {type(made).__name__} of the parameters; expected "
            "a torch.optim.Optimizer, as of lambda params: torch.optim.AdamW(params, lr=1e-3)"
        )
    _check_able(type(made), params)
    return made


def _checked(made: torch.optim.Optimizer, module: nn.Module) -> torch.optim.Optimizer:
    """Refuse an optimizer of other parameters than those that a module trains."""
    name = type(module.model if isinstance(module, Signed) else module).__name__
    stepped = {id(p) for group in made.param_groups for p in group["params"]}
    learned = {id(p): key for key, p in module.named_parameters() if p.requires_grad}
    if stepped - set(learned):
        raise UsageError(
            f"the optimizer that optimizer= made steps {len(stepped - set(learned))} parameters "
            f"that are none {name} trains; make it of the parameters that the function is given"
        )
    left = [key for one, key in learned.items() if one not in stepped]
    if left:
        raise UsageError(
            f"the optimizer that optimizer= made leaves out {len(left)} of {len(learned)} "
            f"parameters of {name} (the first is {left[0]}); give them to it, or freeze them: "
            "freeze=NAMES"
        )
    return made


def _own(spec: Spec, params: list[nn.Parameter]) -> FunctionalOptimizer:
    """The library's own rule, with its defaults filled in."""
    card, full = resolve(spec, kind="optimizer")
    defaults = {key: parameter.default for key, parameter in hyperparameters(card).items()}
    _check_able(FunctionalOptimizer, params)
    settings = defaults | full.args
    return FunctionalOptimizer(params, entry(card), settings, renamed=card.renamed, name=card.name)


def _check_able(make: type[torch.optim.Optimizer], params: list[nn.Parameter]) -> None:
    if not params:
        raise UsageError(f"{make.__name__} was given no parameters that require a gradient")
    if make is torch.optim.LBFGS:
        raise UsageError(
            "lbfgs evaluates its loss many times in one step, which an objective that yields its "
            "losses one after the other does not allow; use adamw or sgd"
        )
