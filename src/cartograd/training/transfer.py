"""Transfer: begin from weights that another training has learned, and train all of them or a part.

A network that has learned to see on many pictures sees on others too; only what its last layer
says has to be learned anew, for which a few examples of each class are enough. Frozen parts keep
their weights and the running statistics of their normalisation, and the optimizer keeps nothing
for them.
"""

from collections.abc import Iterator, Sequence
from types import MethodType

import torch
from torch import nn

from cartograd.core.errors import UsageError, unknown


def begin(model: nn.Module, source: nn.Module, /, *, anew: bool = False) -> list[str]:
    """Give a network the weights of another one of its kind, where their shapes agree.

    Args:
        model: gets the weights; differs from the source in its last layer, or its head, at most.
        source: has learned something.
        anew: whether the last layer stays as it was made, also where it has the source's shape.

    Returns:
        The names of what stays as it was: the tensors of the last layer, if it is another one, or
        those of a head that the source has not.

    Raises:
        UsageError: the networks differ in more.
    """
    ours, theirs = model.state_dict(), source.state_dict()
    heads = _heads(list(ours), list(theirs))
    strange = sorted(name for name in ours.keys() ^ theirs.keys() if _part(name) not in heads)
    if strange:
        raise UsageError(f"the networks are not of one kind: only one of them has {strange[0]!r}")
    shared = ours.keys() & theirs.keys()
    other = [name for name in ours if name in shared and ours[name].shape != theirs[name].shape]
    last = list(ours)[-1].rpartition(".")[0]
    wrong = next((name for name in other if name.rpartition(".")[0] != last), None)
    if wrong is not None:
        raise UsageError(
            f"{wrong!r} is of shape {tuple(ours[wrong].shape)} here and of "
            f"{tuple(theirs[wrong].shape)} where the training begins; only the last layer may "
            "differ"
        )
    fresh = [
        name
        for name in ours
        if name not in shared or name in other or (anew and name.rpartition(".")[0] == last)
    ]
    if not next(iter(ours.values())).is_meta:
        with torch.no_grad():
            for name, value in ours.items():
                if name not in fresh:
                    value.copy_(theirs[name])
    return fresh


def _part(name: str) -> str:
    """The part of a network that a tensor is in."""
    return name.partition(".")[0]


def _heads(ours: list[str], theirs: list[str]) -> set[str]:
    """The parts that only one of two networks has, if all of them come after what both have.

    >>> sorted(_heads(["body.weight", "top.bias"], ["body.weight", "other.bias"]))
    ['other', 'top']
    """
    parts = [list(dict.fromkeys(map(_part, names))) for names in (ours, theirs)]
    both = set(parts[0]) & set(parts[1])
    last = [part[len(both) :] for part in parts]
    return {*last[0], *last[1]} if both and not both & {*last[0], *last[1]} else set()


def freeze(model: nn.Module, parts: Sequence[str], /) -> None:
    """Keep parts of a network as they are: weights, running statistics, and nothing random.

    They stay in evaluation mode while the rest is trained.

    Raises:
        UsageError: a part is unknown, or nothing is left to train.
    """
    known = dict(model.named_modules())
    for name in parts:
        if name not in known or not name:
            raise unknown(
                "part to freeze", name, [one for one in known if one and one.count(".") < 2]
            )
        known[name].eval().requires_grad_(False)
        for module in known[name].modules():
            module.train = MethodType(_stay, module)
    if not any(weight.requires_grad for weight in model.parameters()):
        raise UsageError("everything is frozen; leave a part to train, such as the last layer")


def hold(model: nn.Module, /) -> None:
    """Keep all weights of a network, and its running statistics; what it drops is still dropped."""
    model.requires_grad_(False)
    for module in model.modules():
        if any(buffer.is_floating_point() for buffer in module.buffers(recurse=False)):
            module.eval()
            module.train = MethodType(_stay, module)


def _stay(module: nn.Module, *_: bool, **__: bool) -> nn.Module:
    """What a frozen part does when it is told to train."""
    return module


def learned_parts(model: nn.Module, fresh: Sequence[str], /) -> list[str]:
    """The largest parts of a network without a tensor that is fresh.

    >>> learned_parts(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 3)), ["2.weight"])
    ['0']
    """

    def parts(module: nn.Module, prefix: str) -> Iterator[str]:
        for name, child in module.named_children():
            path = prefix + name
            if any(tensor.startswith(f"{path}.") for tensor in fresh):
                yield from parts(child, f"{path}.")
            elif child.state_dict():
                yield path

    return list(parts(model, ""))
