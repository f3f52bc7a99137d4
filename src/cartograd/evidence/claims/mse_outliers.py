"""Fit a line to points of which some are wild, with three losses."""

import torch
from torch import nn

from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Measured
from cartograd.training.objectives.regress import Regress

CLAIM = Claim(
    id="mse-outliers",
    place="loss/mae",
    en="MSE is pulled by outliers; MAE and Huber are not",
    zh="MSE 对异常值敏感,MAE/Huber 更鲁棒",
    hypothesis="Lines are fitted to 200 points of y = 2 x + 1 with noise of 0.3, of which 5, 10 or "
    "20 % are lifted by 5 to 15. The error of slope and intercept (Euclidean) is larger with MSE "
    "than with Huber (delta 1) and with MAE. All by Adam, 400 steps, the rate falling to 0.",
    rule=(
        "ratio MSE/Huber, 5 % > 1",
        "ratio MSE/MAE, 5 % > 1",
        "ratio MSE/Huber, 10 % > 1",
        "ratio MSE/MAE, 10 % > 1",
        "ratio MSE/Huber, 20 % > 1",
        "ratio MSE/MAE, 20 % > 1",
    ),
    seeds=20,
    remark="Less pulled is not unpulled: with 20 % of outliers Huber and MAE err more than with "
    "5 % too. Without outliers MSE is better than MAE, and Huber is as good as MSE.",
    draw=("MSE, 0 %", "Huber, 0 %", "MAE, 0 %", "MSE, 20 %", "Huber, 20 %", "MAE, 20 %"),
    axes=("error of the line", ""),
    scale="x",
)
LOSSES = {"MSE": "mse", "Huber": "huber:delta=1", "MAE": "absolute-error"}


def measure(seed: int, /) -> Measured:
    """Errors with each loss at each share of outliers, and their ratios."""
    x, noise, lift = torch.rand(200, 1) * 4 - 2, 0.3 * torch.randn(200, 1), torch.rand(200, 1)
    found = {}
    for share in (0, 5, 10, 20):
        wild = torch.arange(200)[:, None] < 2 * share
        y = 2 * x + 1 + noise + wild * (5 + 10 * lift)
        error = {name: _error(loss, x, y, seed) for name, loss in LOSSES.items()}
        found |= {f"{name}, {share} %": value for name, value in error.items()}
        for name in ("Huber", "MAE"):
            found[f"MSE/{name}, {share} %"] = error["MSE"] / error[name]
    return found


def _error(loss: str, x: torch.Tensor, y: torch.Tensor, seed: int) -> float:
    line = nn.Linear(1, 1)
    objective = Regress(model=line, loss=loss)
    fit(
        objective, [(x, y)] * 10, epochs=40, optimizer="adam:lr=0.1", schedule="cosine",
        seed=seed, device="cpu",
    )  # fmt: skip
    return ((line.weight.item() - 2) ** 2 + (line.bias.item() - 1) ** 2) ** 0.5
