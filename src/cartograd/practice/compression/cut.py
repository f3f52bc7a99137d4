"""Channels cut out of a network, or set to zero in it, which is the same function.

A cut network is proved before it is given: it answers like the network in which all that was cut
is zero. A width whose size stands in the code, where no attribute can be changed, shows there; it
is left whole, and said why.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from cartograd.core.errors import first_line
from cartograd.core.eval_mode import evaluating
from cartograd.core.narrowed import Narrowing, narrowing_of, replace, tensors_of
from cartograd.core.signed import Signed
from cartograd.practice.compression.widths import Dependencies, Width

EXACT = {torch.float64: 1e-9, torch.float32: 1e-3}
"""How far the answers may be apart, as a share of the largest; other types are 16 bits wide."""


@dataclass(frozen=True)
class Cut:
    """A network that was made narrower.

    Attributes:
        model: a copy, cut.
        left_whole: widths that could not be cut after all, and why.
    """

    model: nn.Module
    left_whole: tuple[tuple[Width, str], ...] = ()


def stays(found: Dependencies, gone: set[int], /) -> dict[str, dict[int, Bool[Tensor, " n"]]]:
    """For each weight that is cut and each of its dimensions, which channels are left."""
    lost = torch.tensor(sorted(gone), dtype=torch.int64)
    table: dict[str, dict[int, Tensor]] = {}
    for name, dims in found.units.items():
        kept = {dim: ~torch.isin(found.groups_of(name, dim), lost) for dim in dims}
        if cut := {dim: left for dim, left in kept.items() if not bool(left.all())}:
            table[name] = cut
    return table


def masked(model: nn.Module, found: Dependencies, gone: set[int], /) -> nn.Module:
    """A copy of a network with zeros for all weights of some groups, into them and out of them."""
    made = copy.deepcopy(model)
    state = tensors_of(made)
    with torch.no_grad():
        for name, dims in stays(found, gone).items():
            for dim, left in dims.items():
                state[name].index_fill_(dim, (~left).nonzero()[:, 0].to(state[name].device), 0)
    return made


def cut(
    model: nn.Module, found: Dependencies, gone: set[int], examples: Sequence[Tensor], /
) -> Cut:
    """A copy of a network without some groups of channels, proved on examples.

    Args:
        model: anybody's.
        found: its dependencies.
        gone: the groups.
        examples: what it is called with.
    """
    made, why = _tried(model, found, gone, examples)
    if made is not None:
        return Cut(made)
    whole = []
    for width in found.widths:
        one = set(width.groups) & gone
        if one and (told := _tried(model, found, {min(one)}, examples)[1]):
            whole.append((width, told))
            gone = gone - one
    made, why = _tried(model, found, gone, examples)
    if made is None:  # each alone can be cut, and all together cannot
        return Cut(copy.deepcopy(model), tuple((width, why) for width in found.widths))
    return Cut(made, tuple(whole))


def _tried(
    model: nn.Module, found: Dependencies, gone: set[int], examples: Sequence[Tensor]
) -> tuple[nn.Module | None, str]:
    """The network without some groups, if it is the masked one; otherwise why it is not."""
    why = ""
    expected = _answers(masked(model, found, gone), examples)
    for numbers in _numbers(model, found, gone):
        made = without(model, found, gone, numbers)
        try:
            answers = _answers(made, examples)
        except Exception as error:  # code of anybody that counts on a size
            why = why or f"its code counts on the size: {first_line(error)}"
            continue
        if _alike(answers, expected):
            return made, ""
        why = why or "its code computes with the size"
    return None, why


def without(
    model: nn.Module, found: Dependencies, gone: set[int],
    numbers: Mapping[str, Mapping[str, int]] | None = None, /,
) -> nn.Module:  # fmt: skip
    """A copy of a network without some groups, and the note of what its sizes are now."""
    made, table = copy.deepcopy(model), stays(found, gone)
    old = tensors_of(made)
    new: dict[int, Tensor] = {}
    for name, dims in table.items():
        value = old[name].detach()
        for dim, left in dims.items():
            value = value.index_select(dim, left.nonzero()[:, 0].to(value.device))
        weight = old[name]
        value = value.clone()
        new[id(weight)] = (
            nn.Parameter(value, requires_grad=weight.requires_grad)
            if isinstance(weight, nn.Parameter)
            else value
        )
    shapes = {name: tuple(new[id(old[name])].shape) for name in table}
    replace(made, new)
    inner, prefix = inner_of(made)
    for path, those in (numbers or {}).items():
        for key, value in those.items():
            setattr(made.get_submodule(path), key, value)
    note(inner, Narrowing(_named(shapes, prefix), _named(numbers or {}, prefix)))
    return made


def inner_of(model: nn.Module, /) -> tuple[nn.Module, str]:
    """The module that a bundle keeps: that inside of one with a signature; and its prefix."""
    return (model.model, "model.") if isinstance(model, Signed) else (model, "")


def note(inner: nn.Module, new: Narrowing, /) -> None:
    """Write down how a network differs from what was built, on top of what is written there."""
    before = narrowing_of(inner) or Narrowing()
    numbers = {path: dict(those) for path, those in before.numbers.items()}
    for path, those in new.numbers.items():
        numbers[path] = numbers.get(path, {}) | dict(those)
    inner.narrowing = Narrowing(  # pyright: ignore[reportArgumentType] a note, no part
        {**before.shapes, **new.shapes}, numbers, {**before.kept, **new.kept},
        tuple(dict.fromkeys((*before.sparse, *new.sparse))),
    )  # fmt: skip


def _named(those: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in those.items()}


def _numbers(
    model: nn.Module, found: Dependencies, gone: set[int]
) -> list[dict[str, dict[str, int]]]:
    """What numbers in the modules' attributes may have to change: few, or all that agree."""
    lost = torch.tensor(sorted(gone), dtype=torch.int64)
    parts, least = dict(model.named_modules()), dict[str, dict[str, int]]()
    for place, line in found.bare:
        left = int((~torch.isin(found.roots[line], lost)).sum())
        if left < len(line) and isinstance(parts.get(place), nn.modules.batchnorm._NormBase):
            least[place] = {"num_features": left}
    most = {place: dict(those) for place, those in least.items()}
    for place, line in found.counts:
        part = parts.get(place)
        left = int((~torch.isin(found.roots[line], lost)).sum())
        if part is None or left == len(line) or type(part).__module__.startswith("torch.nn"):
            continue
        for key, value in vars(part).items():
            if type(value) is int and value == len(line) and not key.startswith("_"):
                most.setdefault(place, {})[key] = left
    return [least, most] if most != least else [least]


def _answers(model: nn.Module, examples: Sequence[Tensor]) -> list[Tensor]:
    with evaluating(model), torch.no_grad():
        return _flat(model(*examples))


def _flat(answer: Any) -> list[Tensor]:
    if isinstance(answer, Tensor):
        return [answer]
    values = answer.values() if isinstance(answer, Mapping) else answer
    if isinstance(values, list | tuple) or isinstance(answer, Mapping):
        return [one for value in values for one in _flat(value)]
    return []


def _alike(answers: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    return len(answers) == len(expected) and all(
        a.shape == b.shape and (not a.is_floating_point() or _near(a, b))
        for a, b in zip(answers, expected, strict=True)
    )


def _near(a: Tensor, b: Tensor) -> bool:
    same = a.isfinite() & b.isfinite()
    if not bool((a.isfinite() == b.isfinite()).all()):
        return False
    largest = b[same].abs().amax().item() if bool(same.any()) else 0.0
    return bool(((a - b)[same].abs() <= EXACT.get(a.dtype, 0.05) * (largest + 1e-6)).all())
