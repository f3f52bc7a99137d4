"""A prior over lines of codes: each code given those before it, and codes of a coarser level.

WaveNet's gated causal convolutions, to which codes are vectors that they learn. A coarser level is
known as a whole: each of its codes is told, with its neighbours, to the finer ones that it covers.

    p(q | u) = prod_i p(q_i | q_1, ..., q_(i-1), u)

References:
    Prafulla Dhariwal and others. Jukebox: a generative model for music. 2020.
    https://arxiv.org/abs/2005.00341
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.autoregressive.causal import GatedCausal, Queues, passed
from cartograd.generative.level_distributions import Softmax, picked
from cartograd.generative.told_class import check_class


class LinePrior(nn.Module):
    """How likely lines of codes are, and new ones.

    Args:
        codes: how many there are to choose from, at each level.
        length: of a line.
        width: features of a place.
        depth: gated layers, whose gaps double.
        classes: how many there are to be told of; None for none.
        covers: finer codes that one of the coarser level covers; 0 without such a level.
    """

    def __init__(
        self,
        codes: int,
        length: int,
        /,
        *,
        width: int,
        depth: int,
        classes: int | None,
        covers: int = 0,
    ):
        super().__init__()
        self.length, self.classes, self.covers = length, classes, covers
        self.distribution = Softmax(codes)
        self.named = nn.Embedding(codes + 1, width)  # the last one stands before the first code
        self.coarse = nn.Embedding(codes, width) if covers else None
        self.around = nn.Conv1d(width, width, 3, padding=1) if covers else None
        self.layers = nn.ModuleList(
            GatedCausal(width, 2 * width, gap=2**i, classes=classes) for i in range(depth)
        )
        self.last = nn.Sequential(
            nn.ReLU(), nn.Conv1d(2 * width, width, 1), nn.ReLU(), nn.Conv1d(width, codes, 1)
        )

    def log_prob(
        self,
        number: Int[Tensor, "b t"],
        coarse: Int[Tensor, "b s"] | None = None,
        y: Int[Tensor, " b"] | None = None,
        /,
    ) -> Float[Tensor, " b"]:
        """The logarithm of the probability of each line, in nats.

        Raises:
            UsageError: classes are missing, or not wanted.
        """
        check_class(self.classes, y)
        before = nn.functional.pad(number, (1, 0), value=self.distribution.levels)[:, :-1]
        h = self.named(before).mT + self._told(coarse)
        scores = self.last(passed(self.layers, h, y)).mT
        return self.distribution.log_prob(scores, number).sum(1)

    def sample(
        self,
        count: int,
        generator: torch.Generator,
        /,
        *,
        temperature: float = 1.0,
        coarse: Int[Tensor, "b s"] | None = None,
        y: Int[Tensor, " b"] | None = None,
    ) -> Int[Tensor, "b t"]:
        """New lines, code by code; below 1 the temperature keeps to likely ones."""
        check_class(self.classes, y)
        weight, first = self.named.weight, self.distribution.levels
        u = torch.rand(
            count, self.length, generator=generator, device=generator.device, dtype=torch.float64
        ).to(weight.device)
        now = torch.full((count, 1), first, device=weight.device)
        told = self._told(coarse).expand(count, -1, self.length)
        queues, drawn = Queues(self.layers, count, weight), []
        for t in range(self.length):
            h = self.named(now).mT + told[:, :, t : t + 1]
            table = self.distribution.table(self.last(queues.step(h, y))[:, :, 0])
            now = picked(table, u[:, t], temperature=temperature)[:, None]
            drawn.append(now)
        return torch.cat(drawn, 1)

    def _told(self, coarse: Tensor | None) -> Float[Tensor, "b c t"]:
        """What the coarser level says at each place."""
        if self.coarse is None or self.around is None or coarse is None:
            return self.named.weight.new_zeros(1, self.named.weight.shape[1], 1)
        return self.around(self.coarse(coarse).mT).repeat_interleave(self.covers, 2)
