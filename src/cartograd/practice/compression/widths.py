"""Widths of a network: groups of channels that stand beside each other, of which some can go."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Width:
    """Groups of channels that stand beside each other: a width of the network.

    Attributes:
        name: of the first weight that makes them.
        groups: each by its least unit; one can go without the others.
        heads: whether they are heads of an attention.
    """

    name: str
    groups: tuple[int, ...]
    heads: bool = False


@dataclass
class Dependencies:
    """What can go together.

    Attributes:
        units: those of each dimension of each weight, by the weight's first name.
        names: of weights, all those that the same tensor has.
        widths: that can be made smaller.
        fixed: those that cannot: name, size, and why.
        layers: groups of all weights' outputs, which are not to be emptied.
        counts: where code lays numbers out anew, and the units along a dimension that is cut there.
        bare: norms without weights, and the units of their channels.
        roots: for each unit its group.
    """

    units: dict[str, dict[int, Int[Tensor, " n"]]]
    names: dict[str, list[str]]
    widths: list[Width] = field(default_factory=list)
    fixed: list[tuple[str, int, str]] = field(default_factory=list)
    layers: list[frozenset[int]] = field(default_factory=list)
    counts: list[tuple[str, Int[Tensor, "..."]]] = field(default_factory=list)
    bare: list[tuple[str, Int[Tensor, " n"]]] = field(default_factory=list)
    roots: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))

    def groups_of(self, name: str, dim: int, /) -> Int[Tensor, " n"]:
        """The group of each channel of a weight's dimension."""
        return self.roots[self.units[name][dim]]


def add_widths(
    found: Dependencies, widths: Sequence[tuple[str, Tensor]], fixed: dict[int, str],
    heads: set[int], /,
) -> None:  # fmt: skip
    """Put together the outputs of weights that share a group."""
    families: dict[int, set[int]] = {}
    first: dict[int, str] = {}
    for name, one in widths:
        groups = set(found.roots[one].tolist())
        free = groups - set(fixed)
        found.layers.append(frozenset(groups))
        if len(groups) < 2 or not free:
            why = next((fixed[g] for g in groups if g in fixed), "its channels go only together")
            found.fixed.append((name, len(one), why))
            continue
        merged = free.union(*(families[group] for group in free if group in families))
        label = next((first[group] for group in sorted(merged) if group in first), name)
        families |= dict.fromkeys(merged, merged)
        first |= dict.fromkeys(merged, label)
    known = {id(family): family for family in families.values()}
    found.widths += [
        Width(first[min(one)], tuple(sorted(one)), bool(one & heads)) for one in known.values()
    ]
