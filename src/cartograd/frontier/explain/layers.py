"""A layer of a model by its name, what it gives in a run, and how outputs listen to it."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.errors import UsageError, unknown
from cartograd.engine.files.program import check_code
from cartograd.frontier.explain.rules import Rules
from cartograd.frontier.inputs import answers

CONVOLVED = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers that give channels before places."""

CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d, torch.conv1d, torch.conv2d, torch.conv3d)


def layer_named(model: nn.Module, name: str, /) -> nn.Module:
    """A part of a model by its path, as `named_modules` tells it.

    Raises:
        UsageError: there is none of this name.
    """
    check_code(model, "a layer")
    layers = {path: part for path, part in model.named_modules() if path}
    inner = {re.sub(r"^(model\.)+", "", path): part for path, part in layers.items()}
    inner.pop("model", None)
    if name not in layers | inner:
        raise unknown("layer", name, tuple(inner))
    return (inner | layers)[name]


@contextmanager
def recorded(
    model: nn.Module,
    layer: str | None,
    /,
    *,
    since: nn.Module | None = None,
    follow: bool = False,
) -> Iterator[list[Tensor]]:
    """What a layer gives, each time that the model runs within the block.

    The model goes on with a copy, as what comes next may change it in place.

    Args:
        model: runs within the block.
        layer: its name; None stands for the last convolution, module or function, of a run.
        since: the convolution before whose call none is noted; None notes all.
        follow: whether what comes after the layer is recorded for gradients, in a block where
            nothing is: so nothing before it is.

    Raises:
        UsageError: there is none of this name.
    """
    found: list[Tensor] = []

    def kept(output: Tensor) -> Tensor:
        if not output.requires_grad:  # of tokens by frozen weights
            output = output.detach().requires_grad_()
        found.append(output)
        if follow:
            torch.set_grad_enabled(True)
        return output.clone()

    if layer is not None:

        def note(_: nn.Module, __: Any, output: Any) -> Tensor:
            if not isinstance(output, Tensor):
                raise UsageError(
                    f"layer {layer} gives {type(output).__name__}, no tensor; expected a layer "
                    "that gives one"
                )
            return kept(output)

        handle = layer_named(model, layer).register_forward_hook(note)
        try:
            yield found
        finally:
            handle.remove()
        return

    def seen(operation: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Tensor:
            return kept(operation(*args, **kwargs))

        return run

    rules = Rules({one: seen(one) for one in CONVOLUTIONS})
    with rules if since is None else _from_its_call(since, rules):
        yield found


@contextmanager
def _from_its_call(part: nn.Module, rules: Rules) -> Iterator[None]:
    """Rules that hold from the first call of a part within the block to the block's end.

    Rules cost microseconds an operation. A part that is called within a mode of the model's own
    does not begin them: that mode would end before they do.
    """
    with ExitStack() as entered:
        around = _modes()

        def begin(*_: Any) -> None:
            if _modes() == around:
                handle.remove()
                entered.enter_context(rules)

        handle = part.register_forward_pre_hook(begin)
        entered.callback(handle.remove)
        yield


def _modes() -> int:
    """How many modes see torch's functions."""
    return torch._C._len_torch_function_stack()


def _last_convolution(model: nn.Module) -> nn.Module | None:
    """The one that stands last among the parts of a model; looked for from the end."""
    for part in reversed(model._modules.values()):
        found = None if part is None else _last_convolution(part)
        if found is not None:
            return found
    return model if isinstance(model, CONVOLVED) else None


def listened(
    model: nn.Module,
    x: Tensor,
    layer: str | None,
    number: Callable[[Tensor], Tensor],
    /,
) -> tuple[Tensor, Tensor]:
    """What a layer gives, and the gradient with respect to it of a number of the outputs.

    Only what comes after the layer is recorded for the gradient. Which convolution a run calls
    last is known when it is over, so it is recorded from the one on that stands last among the
    model's parts; a model that does not call that one runs once more, recorded from its first.

    Args:
        model: any module that answers, in evaluation mode with gradients on.
        x: examples.
        layer: as of `recorded`.
        number: of the outputs.

    Raises:
        UsageError: there is no such layer, or the output does not depend on it.
    """
    last = _last_convolution(model) if layer is None else None
    for since in (last, None) if last is not None else (None,):
        with torch.no_grad(), recorded(model, layer, since=since, follow=True) as seen:
            found = number(answers(model, x.detach()))
        if seen:
            break
    else:
        raise UsageError(
            "the model calls no convolution of its own; name a layer that keeps places, with layer="
            if layer is None
            else f"the model does not call layer {layer}; name one that it does, with layer="
        )
    slope = None
    if found.requires_grad:
        (slope,) = torch.autograd.grad(found, seen[-1], allow_unused=True)
    if slope is None:
        raise UsageError("the output does not depend on that layer; name one before it")
    return seen[-1].detach(), slope
