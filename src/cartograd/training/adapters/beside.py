"""Changes beside layers: the network keeps its weights, and what is learned is added to them.

A change is a part of the layer that it changes, called with the layer's inputs after it; so the
network's own tensors keep their names, and what an optimizer, an average or a checkpoint finds to
train are the changes. Merged, each is added to its layer's weight, and the network is what it was
before but for its numbers.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from cartograd.core.errors import UsageError, unknown
from cartograd.training.transfer import hold

Module = TypeVar("Module", bound=nn.Module)

SLOT = "adapter"
"""Name of a change in its layer."""


@runtime_checkable
class Change(Protocol):
    """What a layer answers more, and the change of its weight that is the same."""

    def __call__(self, x: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
        """What is added to the layer's answer."""
        ...

    def difference(self, weight: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
        """What is added to the layer's weight."""
        ...


@runtime_checkable
class Rescales(Protocol):
    """A change that is more than something added: it needs the layer's weight and answer, too."""

    def rescaled(
        self,
        said: Float[Tensor, "..."],
        x: Float[Tensor, "..."],
        weight: Float[Tensor, "..."],
        bias: Float[Tensor, " d"] | None,
        /,
    ) -> Float[Tensor, "..."]:
        """The layer's answer with the change."""
        ...


@runtime_checkable
class Rounded(Protocol):
    """A layer that keeps its weight in a smaller form, as long as a change beside it learns."""

    def plain(self) -> nn.Module:
        """The layer with its weight in floats."""
        ...


@runtime_checkable
class Idles(Protocol):
    """A change that may be larger than its weight can make use of."""

    @property
    def idle(self) -> str:
        """How much of it changes nothing more; empty where all of it counts."""
        ...


def put_beside(
    model: nn.Module,
    make: Callable[[nn.Module], nn.Module],
    /,
    *,
    match: str = "*",
    small: Callable[[nn.Module], nn.Module] | None = None,
) -> list[str]:
    """Put a change beside dense layers and convolutions, and hold everything else as it is.

    Args:
        model: has learned something.
        make: the change of a layer.
        match: pattern of the names of the layers, as of files in a shell.
        small: what takes the place of a layer (`Rounded`), under its name.

    Returns:
        The names of the layers.

    Raises:
        UsageError: no layer fits, or there are changes already.
    """
    chosen = places(model, match=match)
    hold(model)
    for name, layer in chosen.items():
        change = make(layer)
        if small is not None:
            layer = small(layer)
            model.set_submodule(name, layer)
        put(layer, change)
    return list(chosen)


def put(layer: nn.Module, change: nn.Module, /) -> None:
    """Put a change beside one layer, that has none yet."""
    layer.add_module(SLOT, change)
    layer.register_forward_hook(_added)


def places(model: nn.Module, /, *, match: str = "*") -> dict[str, nn.Module]:
    """The dense layers and convolutions that a change can be put beside, by name.

    Raises:
        UsageError: no layer fits, or there are changes already.
    """
    if list(changes(model)):
        raise UsageError("the model has an adapter already; merge it before another is put on")
    layers = {name: layer for name, layer in model.named_modules() if _fits(layer)}
    shared = _shared(model)
    chosen = {
        name: layer for name, layer in layers.items()
        if fnmatchcase(name, match) and id(layer.weight) not in shared
    }  # fmt: skip
    if not chosen:
        raise _nothing(model, match, layers)
    return chosen


def changes(model: nn.Module, /) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """The name of each layer with a change, the layer, and the change."""
    for name, layer in model.named_modules():
        if SLOT in layer._modules and isinstance(layer._modules[SLOT], Change):
            yield name, layer, layer.get_submodule(SLOT)


@contextmanager
def unchanged(model: nn.Module, /) -> Iterator[None]:
    """The model without its changes, as long as the block lasts."""
    held = [
        (layer._forward_hooks, key, hook)
        for _, layer, _ in changes(model)
        for key, hook in layer._forward_hooks.items()
        if hook is _added
    ]
    for hooks, key, _ in held:
        hooks[key] = _nothing_added
    try:
        yield
    finally:
        for hooks, key, hook in held:
            hooks[key] = hook


@torch.no_grad()
def merged(model: Module, /) -> Module:
    """A copy whose changes are in its weights; the model itself if it has none."""
    if not list(changes(model)):
        return model
    made = copy.deepcopy(model)
    for name, layer, change in list(changes(made)):
        assert isinstance(change, Change)
        if isinstance(layer, Rounded):
            layer = layer.plain()
            made.set_submodule(name, layer)
        assert isinstance(layer.weight, Tensor)
        layer.weight += change.difference(layer.weight)
        layer._modules.pop(SLOT, None)
        for key, hook in list(layer._forward_hooks.items()):
            if hook is _added:
                del layer._forward_hooks[key]
    return made


@torch.no_grad()
def check_merges(model: nn.Module, examples: tuple[Tensor, ...], /) -> None:
    """Whether changes beside layers are changes of their weights, wherever these are used.

    A model may read a weight without calling its layer; what is beside it is lost there. On a copy
    it is tried whether the weights of layers that are not called matter, and whether merging
    changes of random numbers makes a difference.

    Args:
        model: with its changes.
        examples: inputs of it; without any nothing is tried.

    Raises:
        UsageError: a change would be lost.
    """
    if not examples or not list(changes(model)):
        return
    trial, silent = copy.deepcopy(model).eval(), {name: layer for name, layer, _ in changes(model)}
    for name, layer, change in changes(trial):
        for weight in change.parameters():
            nn.init.normal_(weight, std=0.1)
        layer.register_forward_hook(lambda *_, name=name: silent.pop(name, None) and None)
    beside = trial(*examples)
    known = beside.isfinite()
    apart = (merged(trial)(*examples) - beside)[known].abs().max()
    lost = next((name for name in silent if _read(trial, name, examples, beside)), None)
    if lost is None and apart <= 1e-3 * beside[known].abs().max():
        return
    said = "" if lost is None else f": {lost.removeprefix('model.')} is not called in one"
    raise UsageError(
        f"an adapter is lost in {type(model).__name__}, which reads weights elsewhere than in "
        f"their layers{said}; name the layers that learn, by match=*attention* for example"
    )


def _read(trial: nn.Module, name: str, examples: tuple[Tensor, ...], before: Tensor) -> bool:
    """Whether the weight of a layer matters that is not called."""
    weight = trial.get_submodule(name).weight
    assert isinstance(weight, Tensor)
    kept = weight.clone()
    weight += torch.randn_like(weight)
    after = trial(*examples)
    weight.copy_(kept)
    return not torch.equal(after.nan_to_num(), before.nan_to_num())


def kept_names(model: nn.Module, /) -> tuple[list[str], list[str]]:
    """Names of the tensors that an adapter consists of, and of those that are as they were.

    To the adapter belong the changes, and what is new and learns as a whole, such as a last layer
    for other classes.
    """
    learning = {name for name, weight in model.named_parameters() if weight.requires_grad}
    inside = tuple(f"{name}.{SLOT}." if name else f"{SLOT}." for name, _, _ in changes(model))
    names = list(model.state_dict())
    own = [name for name in names if name in learning or name.startswith(inside)]
    return own, [name for name in names if name not in set(own)]


def _added(layer: nn.Module, given: tuple[Tensor, ...], said: Tensor) -> Tensor:
    change = layer.get_submodule(SLOT)
    if isinstance(change, Rescales):
        weight, bias = layer._parameters["weight"], layer._parameters.get("bias")
        assert weight is not None
        return change.rescaled(said, given[0], weight, bias)
    return said + change(*given)


def _nothing_added(_layer: nn.Module, _given: tuple[Tensor, ...], _said: Tensor) -> None:
    """What an adapter does that is put aside."""


def _fits(layer: nn.Module) -> bool:
    """Whether a layer is a product of inputs and one weight.

    Convolutions in groups have no such weight; a transposed one is another kind of product.
    """
    if layer._parameters.get("weight") is None or list(layer.buffers(recurse=False)):
        return False  # its weight is made of other tensors, as by spectral norm or a mask
    if isinstance(layer, nn.Linear):
        return True
    return isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and layer.groups == 1


def _shared(model: nn.Module) -> set[int]:
    """Weights that stand under several names: changing one place would change the others."""
    seen, twice = set[int](), set[int]()
    for _, weight in model.named_parameters(remove_duplicate=False):
        (twice if id(weight) in seen else seen).add(id(weight))
    return twice


def _nothing(model: nn.Module, match: str, layers: dict[str, nn.Module]) -> UsageError:
    """Why no layer was chosen."""
    if not layers:
        return UsageError(
            f"{type(model).__name__} has no dense layer and no convolution to put an adapter beside"
        )
    other = next(
        (name for name, part in model.named_modules()
         if fnmatchcase(name, match) and isinstance(part, _ConvNd) and name not in layers), None
    )  # fmt: skip
    if other is not None:
        return UsageError(
            f"match={match}: {other} is a convolution in groups or a transposed one, which an "
            f"adapter cannot change; others are {', '.join(list(layers)[:3])}"
        )
    tied = [name for name in layers if fnmatchcase(name, match)]
    if tied:
        return UsageError(
            f"match={match}: the weight of {tied[0]} is that of another part, too; name other "
            f"layers, such as {next(name for name in layers)}"
        )
    return unknown("layer to put an adapter beside", match, list(layers))
