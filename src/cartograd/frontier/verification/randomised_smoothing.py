"""Randomised smoothing: the class that is likeliest under noise, and how far that one stands.

Gaussian noise on the input makes of any classifier a smoothed one, which answers the class that the
classifier gives most often. If it gives one with a probability of at least p > 1/2, the smoothed
one answers it for every input within a distance that depends on p and the noise alone.

    g(x) = argmax_c P(f(x + e) = c),   e of N(0, sigma^2)
    R = sigma Phi^-1(p),   p = B(alpha; k, n - k + 1)   if p > 1/2, else nothing is said

A few draws choose the class; of n others k give it, and p is Clopper and Pearson's lower end (a
quantile of the beta distribution), so each radius is wrong with a probability of at most alpha. No
radius can be larger than sigma Phi^-1(alpha^(1/n)), that of k = n.

Shapes: x (b ...), y (b).

Departures: none. It certifies the smoothed classifier, not the model itself; noisy inputs may leave
the bounds of valid ones.

References:
    Jeremy Cohen, Elan Rosenfeld, Zico Kolter. Certified adversarial robustness via randomized
    smoothing. ICML 2019. https://arxiv.org/abs/1902.02918

>>> model = torch.nn.Linear(1, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[5.0], [-5.0]]))
>>> found = randomised_smoothing(model, torch.tensor([[9.0]]), torch.tensor([0]), draws=1000)
>>> round(found.size.item(), 4)
0.6158
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.certificate import Certificate
from cartograd.core.eval_mode import evaluating
from cartograd.frontier.inputs import check_classes, check_each, check_takes, rows_at_once
from cartograd.frontier.security.gain import logits
from cartograd.frontier.verification.certified import check_classifier

CARD = Card(
    name="randomised-smoothing",
    kind="verifier",
    entry="randomised_smoothing",
    nodes=("verify/invariance",),
    title="Randomised smoothing",
    zh="随机平滑认证",
    paper="Certified adversarial robustness via randomized smoothing",
    year=2019,
    url="https://arxiv.org/abs/1902.02918",
    proofs=(
        "law: of a linear classifier, whose true distance is known, no more radii exceed it than "
        "alpha allows; none ever exceeds that of all draws alike",
        "law: the lower end of the probability lies below it in at least 1 - alpha of 2,000 "
        "binomials, for probabilities near a half and near one",
    ),
    evidence={
        "verify/invariance": (
            "test_no_radius_exceeds_the_true_distance",
            "test_the_lower_end_holds_as_often_as_it_says",
        )
    },
    aliases=("randomized-smoothing", "smoothing"),
    tiny={"draws": 20, "selection": 5},
)


class Counts(NamedTuple):
    """What a classifier said of noisy inputs.

    Attributes:
        chosen: the class that the first draws give most often.
        hits: how many of the others give it.
    """

    chosen: Int[Tensor, " b"]
    hits: Int[Tensor, " b"]


def randomised_smoothing(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    noise: float = 0.25,
    draws: int = 1000,
    selection: int = 100,
    alpha: float = 0.001,
    seed: int = 0,
) -> Certificate:
    """Within which distance the smoothed model answers the right class.

    Args:
        model: gives logits.
        x: inputs in the units of the input port.
        y: the right classes.
        noise: standard deviation of the noise, in the units of x.
        draws: noisy inputs by which the chosen class is counted.
        selection: noisy inputs before, by which it is chosen.
        alpha: how probable it may be that a radius is wrong.
        seed: of the noise.

    Raises:
        UsageError: the model is no classifier of real numbers, or the inputs are none of its.
    """
    check_takes(model, x)
    check_classifier(model)
    check_each(y, x)
    counts = counted(model, x, y, noise=noise, draws=draws, selection=selection, seed=seed)
    lower = lower_end(counts.hits, draws, alpha)
    sure = lower > 0.5
    radius = noise * torch.special.ndtri(lower.clamp(min=0.5))
    right = sure & (counts.chosen == y.cpu())
    abstained = int((~sure).sum())
    return Certificate(
        proved=right,
        refuted=torch.zeros_like(right),
        size=torch.where(right, radius, 0.0),
        found=x.detach().clone(),
        distance="l2",
        notes=(
            f"of the model smoothed by noise of {noise:g}, not of the model itself; each radius is "
            f"wrong with a probability of at most {alpha:g}; none can exceed "
            f"{largest(noise, draws, alpha):.4g}",
            f"of {abstained} of {len(x)} examples nothing is said, as no class is certain to be "
            "that of most draws",
        ),
    )


def counted(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    noise: float,
    draws: int,
    selection: int,
    seed: int,
) -> Counts:
    """How often the class that a few draws choose is given by others."""
    chosen, hits = [], []
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode(False), torch.no_grad(), evaluating(model):
        for row in x.detach():
            few = _histogram(model, row, y, noise, selection, generator)
            chosen.append(int(few.argmax()))
            hits.append(int(_histogram(model, row, y, noise, draws, generator)[chosen[-1]]))
    return Counts(torch.tensor(chosen), torch.tensor(hits))


def _histogram(
    model: nn.Module, row: Tensor, y: Tensor, noise: float, draws: int, generator: torch.Generator
) -> Int[Tensor, " k"]:
    """How often each class is given; the noise is drawn on the processor, alike on any device."""
    total = torch.zeros(1, dtype=torch.long)
    for part in torch.arange(draws).split(rows_at_once(row[None])):
        drawn = torch.randn(len(part), *row.shape, generator=generator, dtype=row.dtype)
        answers = logits(model, row + noise * drawn.to(row.device))
        check_classes(y.to(answers.device), answers)
        total = total + answers.argmax(1).cpu().bincount(minlength=answers.shape[1])
    return total


def lower_end(hits: Int[Tensor, " b"], draws: int, alpha: float, /) -> Float[Tensor, " b"]:
    """Clopper and Pearson's lower end of a probability, one-sided.

    >>> lower_end(torch.tensor([0, 1000]), 1000, 0.001).tolist()[0]
    0.0
    """
    from scipy.special import betaincinv

    k = hits.double().numpy()
    ends = betaincinv(k.clip(min=1), draws - k + 1, alpha)
    return torch.where(hits > 0, torch.from_numpy(ends), 0.0)


def largest(noise: float, draws: int, alpha: float, /) -> float:
    """The radius where all draws give one class: none can be larger."""
    return noise * float(
        torch.special.ndtri(torch.tensor(alpha, dtype=torch.float64) ** (1 / draws))
    )


def smoothed(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    /,
    *,
    noise: float = 0.25,
    draws: int = 1000,
    alpha: float = 0.001,
    seed: int = 0,
) -> tuple[Int[Tensor, " b"], Bool[Tensor, " b"]]:
    """What the smoothed model answers, and whether that is certain.

    The two classes of most draws are compared by a binomial test: if such a difference were rarer
    than alpha between equally likely ones, the answer is certain.

    Args:
        model: gives logits.
        x: inputs in the units of the input port.
        noise: standard deviation of the noise, in the units of x.
        draws: noisy inputs.
        alpha: how probable it may be that a certain answer is not the smoothed model's.
        seed: of the noise.
    """
    from scipy.stats import binomtest

    check_takes(model, x)
    classes, sure = [], []
    generator, none = torch.Generator().manual_seed(seed), torch.zeros(1, dtype=torch.long)
    with torch.inference_mode(False), torch.no_grad(), evaluating(model):
        for row in x.detach():
            two = _histogram(model, row, none, noise, draws, generator).topk(2)
            first, second = (int(count) for count in two.values)
            classes.append(int(two.indices[0]))
            sure.append(binomtest(first, first + second, 0.5).pvalue <= alpha)
    return torch.tensor(classes), torch.tensor(sure)
