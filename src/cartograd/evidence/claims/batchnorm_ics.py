"""How far the inputs of layers drift with batch normalisation, with noise behind it, and not."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few
from cartograd.foundations.initialization.initialise import initialise
from cartograd.training.objectives.classify import Classify

CLAIM = Claim(
    id="batchnorm-ics",
    place="norm/batch",
    en="BatchNorm works by reducing internal covariate shift",
    zh="缓解内部协变量偏移",
    hypothesis="Ten layers of 64 ReLU units, from He's start, learn 640 digits for 10 epochs by "
    "plain descent: without normalisation, with it, and with it and a shift and scale behind it "
    "that are drawn anew for each unit at each step (after Santurkar et al., 2018); each at the "
    "best of the rates 0.03, 0.1, 0.3 and 1. The drift is how much the mean and the spread of a "
    "unit's input change in a step, in its spreads. If normalisation works by less drift, then "
    "the drift is less with it, and giving the drift back by noise takes the gain away: the noisy "
    "network trains no better than the plain one.",
    rule=("ratio drift BN / plain < 1", "mean loss noisy - plain > 0"),
    decide="majority",
    remark="Less drift comes by construction: the layer sets the two moments that are measured. "
    "Noise makes the drift more than twice that of the plain network, and it does not clearly "
    "train worse for it, with the noise in its own loss; Santurkar et al. saw the same and put "
    "the gain down to a smoother loss.",
    draw=("plain", "batch-norm", "batch-norm and noise"),
    axes=("epoch", "training loss"),
    scale="y",
)
ARMS = ("plain", "batch-norm", "batch-norm and noise")
RATES = (0.03, 0.1, 0.3, 1.0)


class Noise(nn.Module):
    """A shift by up to 1 and a scale from 1/2 to 2 for each unit, others at each pass."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shifted and scaled."""
        return x * 2 ** (2 * torch.rand(x.shape[1]) - 1) + 2 * torch.rand(x.shape[1]) - 1


class Watched(nn.Module):
    """A classifier that notes after each step how the inputs of its ReLUs are distributed."""

    def __init__(self, *, model: nn.Sequential, probe: Split):
        super().__init__()
        self.task = Classify(model=model)
        self.losses, self.players = self.task.losses, self.task.players
        self.layers, self.probe = model, probe.inputs
        self.drifts, self.before = list[float](), list[tuple[torch.Tensor, torch.Tensor]]()

    @torch.no_grad()
    def after_step(self, _player: str, /) -> None:
        """Mean and spread of each unit, against those of the step before."""
        x, now = self.probe, list[tuple[torch.Tensor, torch.Tensor]]()
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                now.append((x.mean(0), x.std(0) + 1e-6))
            x = layer(x)
        for (mean, std), (mean_before, std_before) in zip(now, self.before, strict=False):
            change = (mean - mean_before).abs() + (std - std_before).abs()
            self.drifts.append((change / std_before).median().item())
        self.before = now


def measure(seed: int, /) -> Measured:
    """Drifts and losses of each arm at its best rate."""
    split, found = few(dataset("digits").train, 640, seed=seed), {}
    for arm in ARMS:
        runs = [_trained(arm, rate, split, seed) for rate in RATES]
        losses, found[f"drift {arm}"] = min(runs, key=lambda run: run[0][-1])
        found |= {f"loss {arm}": losses[-1], arm: Curve([*map(float, range(1, 11))], losses)}
    return found | {
        "drift BN / plain": found["drift batch-norm"] / found["drift plain"],
        "drift noisy / plain": found["drift batch-norm and noise"] / found["drift plain"],
        "loss noisy - plain": found["loss batch-norm and noise"] - found["loss plain"],
    }


def _trained(arm: str, rate: float, split: Split, seed: int) -> tuple[list[float], float]:
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(10):
        norm = [] if arm == "plain" else [build("batch-norm", channels=64)]
        layers += [nn.Linear(64, 64), *norm, *[Noise()] * arm.endswith("noise"), nn.ReLU()]
    initialise(model := nn.Sequential(*layers, nn.Linear(64, 10)), "kaiming")
    task = Watched(model=model, probe=split.select(range(128)))
    try:
        run = fit(task, split.batches(), optimizer=f"sgd:lr={rate}", epochs=10, seed=seed)
    except UsageError:
        return [9.0] * 10, 9.0
    return [one["train/loss"] for one in run.history], sum(task.drifts) / len(task.drifts)
