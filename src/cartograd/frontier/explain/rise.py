"""RISE: what an answer is on average when a place is shown, over random soft masks.

Coarse random grids of "shown" and "covered" are scaled up smoothly and shifted; the model answers
through each mask. A place matters if the answers through masks that show it are high.

    R_j(x) = 1 / (n p) sum_i M_ij f(M_i x + (1 - M_i) x'),     p the chance that a cell is shown

Shapes: x (b c y x) and the attribution, the same.

Departures: what is covered shows the baseline, which need not be black.

References:
    Vitali Petsiuk, Abir Das, Kate Saenko. RISE: randomized input sampling for explanation of
    black-box models. BMVC 2018. https://arxiv.org/abs/1806.07421

>>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
>>> rise(model, torch.rand(2, 1, 8, 8), target=1, draws=16).shape
torch.Size([2, 1, 8, 8])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.frontier.explain.baselines import Baseline, start_of, targets_of
from cartograd.frontier.inputs import answers, check_takes, chosen, rows_at_once

CARD = Card(
    name="rise",
    kind="explainer",
    entry="rise",
    nodes=("xai/evaluation",),
    title="RISE",
    zh="随机遮罩解释 RISE",
    paper="RISE: randomized input sampling for explanation of black-box models",
    year=2018,
    url="https://arxiv.org/abs/1806.07421",
    proofs=(
        "law: of a linear model the places' own products stand out, within Monte Carlo error",
        "law: masks show each place with the chance that is asked for",
    ),
    tiny={"draws": 8},
)


def rise(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    draws: int = 1000,
    cells: int = 7,
    p: float = 0.5,
    baseline: Baseline = "low",
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """The mean answer with each place shown, shared among the colours.

    Args:
        model: any module that answers; no gradient is taken.
        x: pictures in the units of the input port.
        target: which output to explain, one for all or one each; by default the highest.
        draws: masks, the same for all pictures.
        cells: of a side of the coarse grid.
        p: chance that a cell is shown.
        baseline: what shows where a mask covers.
        seed: of the masks.

    Raises:
        UsageError: no pictures, numbers out of their range, or an output that does not exist.
    """
    check_takes(model, x)
    if x.ndim != 4 or not x.is_floating_point():
        raise UsageError(
            f"rise covers places of pictures; the inputs are of {tuple(x.shape)}. Take occlusion "
            "or kernel-shap for rows and tokens"
        )
    if draws < 1 or cells < 2 or not 0 < p < 1:
        raise UsageError(
            f"rise has draws={draws}, cells={cells}, p={p:g}; expected at least 1, "
            "at least 2, and between 0 and 1"
        )
    x, start, rows = x.detach(), start_of(model, x, baseline), rows_at_once(x)
    seen = masks(x.shape[2:], draws, cells=cells, p=p, seed=seed).to(x)
    with evaluating(model), torch.no_grad():
        targets = targets_of(model, x, target, rows)
        parts = zip(x.split(rows), start.split(rows), targets.split(rows), strict=True)
        total = torch.cat(
            [_summed(model, part, origin, own, seen, rows) for part, origin, own in parts]
        )
    return (total / (draws * p * x.shape[1]))[:, None].expand(x.shape).to(x)


def _summed(
    model: nn.Module, x: Tensor, start: Tensor, targets: Tensor, seen: Tensor, rows: int
) -> Float[Tensor, "b y x"]:
    """The sum over masks of each place's showing times the answer."""
    total = torch.zeros(len(x), *x.shape[2:], dtype=torch.float64, device=x.device)
    for some in seen.split(max(1, rows // len(x))):
        shown = some[:, None, None]
        inputs = (shown * x + (1 - shown) * start).flatten(0, 1)
        found = chosen(answers(model, inputs), targets.repeat(len(some)))
        found = found.double().unflatten(0, (len(some), len(x)))
        total += torch.einsum("nb,nyx->byx", found, some.double())
    return total


def masks(
    size: torch.Size | tuple[int, int], draws: int, /, *, cells: int, p: float, seed: int
) -> Float[Tensor, "n y x"]:
    """Coarse grids, scaled up smoothly and shifted by less than a cell."""
    generator = torch.Generator().manual_seed(seed)
    cell = [-(-side // cells) for side in size]
    large = [(cells + 1) * one for one in cell]
    grid = (torch.rand(draws, 1, cells + 1, cells + 1, generator=generator) < p).float()
    grid = F.interpolate(grid, size=large, mode="bilinear", align_corners=False)[:, 0]
    at = [torch.randint(one, (draws,), generator=generator) for one in cell]
    y, x = (start[:, None] + torch.arange(side) for start, side in zip(at, size, strict=True))
    return grid[torch.arange(draws)[:, None, None], y[:, :, None], x[:, None, :]]
