"""A range of amounts by which a picture is moved, cut into intervals until each has an answer."""

from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.frontier.verification.crown import by_lines
from cartograd.frontier.verification.ibp import by_intervals
from cartograd.frontier.verification.moves import Pictures
from cartograd.frontier.verification.network import Network
from cartograd.frontier.verification.query import Serve, Verdict

AT_ONCE = 16


def over_amounts(
    pictures: Pictures,
    weights: Float[Tensor, "s k"],
    network: Network,
    serve: Serve,
    branches: int,
    /,
) -> Verdict:
    """Whether any picture of the range makes one of the sums negative.

    Args:
        pictures: of the range.
        weights: of the answers, in each sum.
        network: of the model.
        serve: the model, which the pictures in the middle of intervals are run through.
        branches: the most intervals.
    """
    ends = torch.tensor(pictures.way.range).double()  # m 2
    middle, half = ends.mean(1)[None], ((ends[:, 1] - ends[:, 0]) / 2)[None]
    seen, least = 0, float("inf")
    while len(middle):
        if seen >= branches:
            return Verdict("unknown", parts=seen)
        now, later = slice(None, AT_ONCE), slice(AT_ONCE, None)
        own, wide = middle[now], half[now]
        middle, half, seen = middle[later], half[later], seen + len(own)
        shown = pictures.at(own)
        ahead = (serve(shown) @ weights.T).amin(1)
        if bool((ahead < 0).any()):
            return Verdict("refuted", shown[int(ahead.argmin())], seen)
        lower = torch.full((len(own),), -torch.inf).double()
        fine = pictures.fine(wide).nonzero()[:, 0]
        if len(fine):
            box = pictures.box(own[fine], wide[fine])
            sums = weights[None].expand(len(fine), -1, -1)
            lower[fine] = by_intervals(network, box, sums).amin(1)
            hard = fine[lower[fine] <= 0]
            if len(hard):
                box, sums = pictures.box(own[hard], wide[hard]), sums[: len(hard)]
                lower[hard] = by_lines(network, box, sums).amin(1)
        if bool((lower > 0).any()):
            least = min(least, float(lower[lower > 0].min()))
        left = lower <= 0
        parts = [
            own[left] + torch.tensor(signs).double() * wide[left] / 2
            for signs in product((-1.0, 1.0), repeat=own.shape[1])
        ]
        middle = torch.cat([middle, *parts])
        half = torch.cat([half, *[wide[left] / 2] * len(parts)])
    return Verdict("proved", parts=seen, least=least)
