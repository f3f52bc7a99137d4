"""A model with some of its widths made smaller: which ones, as data, and the model made so.

A pruned network is no longer what its spec builds. What differs is a list of sizes: the shapes of
the weights that were cut, numbers that the model's code keeps of them, and which blocks of a list
are left. With that list, any copy of the network as it was built (ours by name, published, or
anybody's module) becomes the pruned one, ready for its weights; no code and no pickle is needed.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from cartograd.core.errors import UsageError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Narrowing:
    """What a model's sizes are, where they are not those that it was built with.

    Attributes:
        shapes: of weights and buffers, by their names in the state, once blocks are gone.
        numbers: attributes of modules that are no module of torch's own: heads, a width.
        kept: of lists of blocks by their names, the numbers of those that are left.
        sparse: names of weights whose zeros stay zero in a further training.
    """

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    kept: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sparse: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "shapes": {name: list(shape) for name, shape in self.shapes.items()},
            "numbers": {name: dict(of) for name, of in self.numbers.items()},
            "kept": {name: list(left) for name, left in self.kept.items()},
            "sparse": list(self.sparse),
        }

    @classmethod
    def from_json(cls, data: Any, source: str, /) -> "Narrowing":
        """The inverse of `to_json`.

        Raises:
            UsageError: the data is of another form.
        """
        try:
            made = cls(
                {str(name): _counts(shape) for name, shape in data["shapes"].items()},
                {str(name): dict(of) for name, of in data["numbers"].items()},
                {str(name): _counts(left) for name, left in data["kept"].items()},
                tuple(map(str, data.get("sparse", ()))),
            )
            for of in made.numbers.values():
                _counts(of.values())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"{source} is damaged: it does not list sizes") from error
        return made


@runtime_checkable
class Narrowed(Protocol):
    """A module that carries the note of its sizes."""

    narrowing: Narrowing


def narrowing_of(model: nn.Module, /) -> Narrowing | None:
    """How a model differs from what its spec builds; None where it does not."""
    return model.narrowing if isinstance(model, Narrowed) else None


def tensors_of(model: nn.Module, /) -> dict[str, Tensor]:
    """Weights and buffers by all of their names."""
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


def narrow(model: nn.Module, narrowing: Narrowing, source: str = "the model", /) -> None:
    """Make a model's sizes those that are listed; weights that change have no numbers yet.

    Args:
        model: as it was built.
        narrowing: its new sizes.
        source: of these, for errors.

    Raises:
        UsageError: the model has no such weights, or they are smaller already.
    """
    for name, left in narrowing.kept.items():
        _leave(model, name, left, source)
    state, made = tensors_of(model), dict[int, Tensor]()
    for name, shape in narrowing.shapes.items():
        old = state.get(name)
        if old is None or not _within(shape, old.shape):
            raise UsageError(f"{source} lists the shape {shape} of {name}, which does not fit it")
        if id(old) not in made:
            new = torch.zeros(shape, dtype=old.dtype, device=old.device)
            made[id(old)] = new if not isinstance(old, nn.Parameter) else nn.Parameter(
                new, requires_grad=old.requires_grad
            )  # fmt: skip
    replace(model, made)
    parts = dict(model.named_modules())
    for path, numbers in narrowing.numbers.items():
        for key, value in numbers.items():
            if path not in parts or type(vars(parts[path]).get(key)) is not int:
                raise UsageError(f"{source} lists {path}.{key}, which the model does not have")
            setattr(parts[path], key, value)
    if strange := next((name for name in narrowing.sparse if name not in state), None):
        raise UsageError(f"{source} lists zeros of {strange}, which the model does not have")
    model.narrowing = narrowing  # pyright: ignore[reportArgumentType] a note, no part


def replace(model: nn.Module, made: Mapping[int, Tensor], /) -> None:
    """Put tensors in the place of others, by `id`; layers of torch learn their new sizes."""
    before = {id(part): _unit(part) for part in model.modules()}
    for part in model.modules():
        changed = False
        for held in (part._parameters, part._buffers):
            for key, old in list(held.items()):
                if old is not None and id(old) in made:
                    setattr(part, key, made[id(old)])
                    changed = True
        if changed:
            resize(part, before[id(part)])


def _unit(part: nn.Module) -> int:
    """Channels of one group of a layer that has groups."""
    if isinstance(part, nn.modules.conv._ConvNd):
        return part.out_channels // part.groups
    return part.num_channels // part.num_groups if isinstance(part, nn.GroupNorm) else 1


def resize(part: nn.Module, unit: int, /) -> None:
    """Set what a layer of torch keeps of its sizes, from the shapes of its weights.

    Args:
        part: a layer, its weights cut.
        unit: channels of each of its groups, which are as large as before.
    """
    if isinstance(part, nn.Linear):
        part.out_features, part.in_features = part.weight.shape
    elif isinstance(part, nn.modules.conv._ConvNd):
        first, second = part.weight.shape[:2]
        if part.transposed:
            part.in_channels, part.out_channels = first, second * part.groups
        else:
            part.groups = 1 if part.groups == 1 else first // unit
            part.out_channels, part.in_channels = first, second * part.groups
    elif isinstance(part, nn.modules.batchnorm._NormBase):
        part.num_features = len(next(t for t in (part.weight, part.running_mean) if t is not None))
    elif isinstance(part, nn.GroupNorm):
        part.num_channels = len(part.weight)
        part.num_groups = part.num_channels // unit
    elif isinstance(part, nn.Embedding):
        part.embedding_dim = part.weight.shape[1]
    elif isinstance(part, nn.RNNBase):
        first, state = (part.get_parameter(f"weight_{key}_l0") for key in ("ih", "hh"))
        part.input_size, part.hidden_size = first.shape[1], state.shape[1]


def _leave(model: nn.Module, name: str, left: tuple[int, ...], source: str) -> None:
    """Take blocks out of a list."""
    try:
        blocks = model.get_submodule(name)
        whole = list(blocks.children())
        chosen = [whole[number] for number in left]
    except (AttributeError, IndexError) as error:
        raise UsageError(f"{source} lists blocks of {name!r}, which do not fit it") from error
    if not isinstance(blocks, nn.ModuleList | nn.Sequential) or sorted(set(left)) != list(left):
        raise UsageError(f"{source} lists blocks of {name!r}, which is no list of blocks")
    blocks._modules.clear()
    blocks._modules.update(zip(map(str, itertools.count()), chosen, strict=False))


def _within(shape: Shape, old: torch.Size) -> bool:
    return len(shape) == len(old) and all(0 < a <= b for a, b in zip(shape, old, strict=True))


def _counts(values: Any) -> Shape:
    counts = tuple(values)
    if not all(type(one) is int and one >= 0 for one in counts):
        raise TypeError
    return counts
