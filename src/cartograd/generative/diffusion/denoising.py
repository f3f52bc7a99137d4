"""Denoising: guess what was mixed of an example and noise, at levels drawn at random.

    L(x) = mean (F(x_t, t) - a x - b noise)^2

What the mixture is belongs to the model: the noise (DDPM's simple loss), the velocity, and so on. A
class is left out of a share of the examples, so that the model knows both what a class looks like
and what any example does: classifier-free guidance needs the two.

Of a model that denoises codes, the codes of the examples are guessed; what makes them is as it is.

A model that learns the variance of its steps has a second term, its divergence from the true step
in bits per number, as the chain of T has it at that step; the guess itself learns nothing by it.

    L(x) + w T KL(q(x_s | x_t, x) || p(x_s | x_t)) / ln 2

Two switches. `min_snr` weighs the levels: as errors of the guessed example they count by
`min(SNR, gamma)`, so that no level pulls much harder than others, whatever is predicted (5 in the
paper). `coupling=optimal` joins examples to the noises of their batch by the shortest ways
(`coupling.py`), as of flow matching by minibatch optimal transport.

    w(t) = min(SNR, gamma) / ((a sigma - b alpha) / sigma)^2,    SNR = alpha^2 / sigma^2

Shapes: a batch is (noise, [classes ` b`,] examples), noise and examples `b ...`.

Departures: the noise is that of the batch, a function of the seed and the place in the epoch. The
level of an example, and whether its class is left out, are drawn by a hash of its noise: however a
batch is split, and from wherever a run is resumed, an example has the same loss; optimal pairs are
those of what is split off.

References:
    Jonathan Ho, Ajay Jain, Pieter Abbeel. Denoising diffusion probabilistic models. NeurIPS 2020.
    https://arxiv.org/abs/2006.11239
    Alex Nichol, Prafulla Dhariwal. Improved denoising diffusion probabilistic models. ICML 2021.
    https://arxiv.org/abs/2102.09672
    Tiankai Hang, Shuyang Gu, Chen Li, Jianmin Bao, Dong Chen, Han Hu, Xin Geng, Baining Guo.
    Efficient diffusion training via min-SNR weighting strategy. ICCV 2023.
    https://arxiv.org/abs/2303.09556
    Jonathan Ho, Ajay Jain. Classifier-free diffusion guidance. NeurIPS workshop 2021.
    https://arxiv.org/abs/2207.12598

>>> import torch
>>> from cartograd.generative.diffusion.flow_matching import FlowMatching
>>> objective = Denoising(model=FlowMatching(features=2, width=8))
>>> next(objective.losses((torch.randn(5, 2), torch.randn(5, 2)))).value.shape
torch.Size([5])
"""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.generative import DrawsCodes, Level
from cartograd.core.hashing import fractions, scrambled
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.generative.diffusion.coupling import COUPLINGS, nearest_pairs
from cartograd.generative.diffusion.denoiser import denoiser_of, noisy
from cartograd.generative.diffusion.paths import Steps
from cartograd.generative.diffusion.reverse import log_variances, mean_back
from cartograd.generative.diffusion.variational_bound import divergence

CARD = Card(
    name="denoising",
    kind="objective",
    entry="Denoising",
    nodes=("diffusion/ddpm", "diffusion/guidance"),
    title="Denoising",
    zh="去噪",
    paper="Denoising diffusion probabilistic models",
    year=2020,
    url="https://arxiv.org/abs/2006.11239",
    proofs=(
        "law: on Gaussian data the best guess is the posterior mean, to 2 %",
        "law: the share of examples without their class is the one that was asked for, to 1 point",
        "law: by min-SNR a guess costs as much whatever is predicted, to 1e-10",
        "law: optimal pairs are the best of all permutations, and in one dimension the sorted ones",
        "oracle: weights by diffusers' compute_snr, of noise and of v, to 1e-6",
    ),
    evidence={
        "diffusion/guidance": (
            "test_guidance_of_one_is_the_class_and_of_nought_is_none",
            "acceptance:diffusion-digits",
        ),
    },
    settings={"average": "ema:decay=0.99", "clip": "norm:max=1"},
)

PRESETS = {
    "ot-cfm": {"coupling": "optimal"},
    "min-snr": {"min_snr": 5.0},
}


class Denoising(nn.Module):
    """The squared error of what a denoiser predicts.

    Args:
        model: one with a `Denoiser`, such as DDPM, signed or not.
        label_dropout: share of the examples whose class is left out.
        vlb_weight: of the divergence by which a learned variance is learned, for each step.
        min_snr: the ratio of signal and noise above which levels weigh no more; None weighs what is
            predicted alike at all levels.
        coupling: which noise an example is joined to: `independent`, or `optimal` in a batch.

    Raises:
        UsageError: the model is no denoiser, is one that is learned otherwise, or reads texts where
            the coupling is optimal; or there is no such coupling.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        label_dropout: float = 0.1,
        vlb_weight: float = 0.001,
        min_snr: float | None = None,
        coupling: str = "independent",
    ):
        super().__init__()
        if coupling not in COUPLINGS:
            raise unknown("coupling", coupling, COUPLINGS)
        inner = model.model if isinstance(model, Signed) else model
        denoiser = denoiser_of(inner)
        if denoiser is None:
            raise UsageError(
                f"denoising is learned by a denoiser such as ddpm, edm or flow-matching; "
                f"{type(inner).__name__} is none"
            )
        if denoiser.predicts == "consistency":
            raise UsageError(
                "a consistency model is learned from a teacher; give objective=consistency-"
                "distillation:teacher=RUN, a run of edm"
            )
        self.model, self.denoiser, self.drop = model, denoiser, label_dropout
        self.coder = inner if isinstance(inner, DrawsCodes) else None
        if coupling == "optimal" and denoiser.empty is not None:
            raise UsageError(
                "coupling=optimal pairs within classes, and this model reads texts; leave it out"
            )
        self.vlb_weight, self.min_snr = vlb_weight, min_snr
        self.optimal = coupling == "optimal"
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example."""
        yield Loss(self._error(batch, self.drop))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, told its class."""
        return {"loss": self._error(batch, 0.0)}

    def _error(self, batch: Batch, drop: float) -> Tensor:
        noise, *classes, x = batch
        if isinstance(self.model, Signed):
            x = (x - self.model.output_mean) / self.model.output_std
        y = classes[0] if classes else None
        u, left_out = uniform(noise)
        if self.coder is not None:
            noise, x = self.coder.begun(noise), self.coder.coded(x).detach()
        if self.optimal:
            noise = noise[nearest_pairs(x, noise, y)]
        if y is not None and drop:
            y = self.denoiser.forgetting(y, left_out < drop)
        level = self.denoiser.path.drawn(u)
        a, b = (one.reshape(-1, *[1] * (x.ndim - 1)).to(x) for one in self.denoiser.mixture(level))
        seen = noisy(x, noise, level)
        found, between = self.denoiser.answers(seen, level, y)
        error = (found - a * x - b * noise).square().flatten(1).mean(1)
        if self.min_snr is not None:
            error = error * self._weight(level, self.min_snr).to(error)
        if between is None or not self.vlb_weight:
            return error
        return error + self.vlb_weight * self._divergence(x, seen, found, between, level)

    def _weight(self, level: Level, most: float) -> Tensor:
        """How much the error of what is predicted counts, so that the example's counts as said."""
        a, b = self.denoiser.mixture(level)
        as_example = ((a * level.sigma - b * level.alpha) / level.sigma).square()
        return (level.alpha / level.sigma).square().clamp_max(most) / as_example

    def _divergence(
        self, x: Tensor, seen: Tensor, found: Tensor, between: Tensor, level: Level
    ) -> Tensor:
        """How far the model's step is from the true one, in bits, times the steps there are."""
        path = self.denoiser.path
        assert isinstance(path, Steps)
        then = path.at(level.time.long())  # the step before, as times are counted from 0
        guess = self.denoiser.example(seen, found.detach(), level)
        right, mean = (mean_back(seen, one, level, then) for one in (x, guess))
        log_variance = self.denoiser.log_variance(between, level, then)
        apart = divergence(right, mean, log_variances(level, then)[0], log_variance)
        bits = apart.flatten(1).mean(1) / math.log(2)
        return path.length * bits * (then.sigma > 0).to(bits)


def uniform(noise: Float[Tensor, "b ..."], /) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Two numbers in [0, 1) for each example, in float64: hashes of its noise.

    >>> x = torch.randn(1000, 3)
    >>> [bool((one.mean() - 0.5).abs() < 0.05) for one in uniform(x)]
    [True, True]
    """
    seen = noise.flatten(1)[:, :4].double().contiguous().view(torch.int64)
    key = seen[:, 0]
    for column in seen.unbind(1):
        key = scrambled(key ^ scrambled(column))
    return fractions(key), fractions(scrambled(key))
