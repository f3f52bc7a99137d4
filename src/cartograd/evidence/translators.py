"""What experiments on translators do: learn from pairs for some steps, and ask for their losses."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

ROWS, RATE, POOL = 32, 3e-3, 16
"""Pairs of a batch, the rate, and the batches that are drawn at once."""


class Pairs(NamedTuple):
    """Sources `n s` and targets `n t`, padded with 0 and -100, and the begin token."""

    sources: Tensor
    targets: Tensor
    begin: int


def learn(model: nn.Module, pairs: Pairs, draw: torch.Generator, /, *, steps: int) -> None:
    """Train for some steps of 32 pairs of about one length each, by Adam over one cycle."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for rows in _batches(pairs.sources, draw, steps):
        optimizer.zero_grad()
        _loss(model, pairs.sources[rows], pairs.targets[rows], pairs.begin).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def _batches(sources: Tensor, draw: torch.Generator, steps: int) -> list[Tensor]:
    """Rows for each step: of some hundreds that are drawn, those of like length together.

    A recurrent network takes as many steps as the longest source of a batch has tokens.
    """
    found: list[Tensor] = []
    while len(found) < steps:
        drawn = torch.randint(len(sources), (POOL * ROWS,), generator=draw)
        ranked = drawn[(sources[drawn] != 0).sum(1).argsort(stable=True)].view(POOL, ROWS)
        found += ranked[torch.randperm(POOL, generator=draw)]
    return found[:steps]


def _loss(model: nn.Module, sources: Tensor, targets: Tensor, begin: int) -> Tensor:
    sources = sources[:, : int((sources != 0).sum(1).max())].long()
    targets = targets[:, : int((targets >= 0).sum(1).max())].long()
    read = torch.cat([targets.new_full((len(targets), 1), begin), targets[:, :-1]], 1).clamp(min=0)
    answers = model(sources, read)
    each = nn.functional.cross_entropy(answers.mT, targets, reduction="none")
    return each.sum(1) / (targets >= 0).sum(1)


def losses(model: nn.Module, pairs: Pairs, sources: Tensor, /) -> Tensor:
    """The loss of each pair, a mean over its tokens, if these are its sources."""
    with torch.inference_mode():
        parts = zip(sources.split(100), pairs.targets.split(100), strict=True)
        return torch.cat([_loss(model.eval(), one, other, pairs.begin) for one, other in parts])
