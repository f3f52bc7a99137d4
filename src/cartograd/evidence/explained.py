"""Explainers of what small networks say of digits, and how good they are by five measures."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.frontier.explain.baselines import start_of
from cartograd.frontier.explain.parts import Parts, part_numbers
from cartograd.frontier.explain.quality.complexity import complexity
from cartograd.frontier.explain.quality.curves import blurred, deletion, insertion
from cartograd.frontier.explain.quality.infidelity import infidelity
from cartograd.frontier.explain.quality.randomisation import rank_correlation
from cartograd.frontier.explain.quality.sensitivity import max_sensitivity

Explain = Callable[[nn.Module, Tensor], Tensor]

EXPLAINERS = (
    "saliency", "smoothgrad:draws=64", "integrated_gradients:steps=32", "gradient-shap:draws=64",
    "guided-backprop", "deep-lift", "lrp", "occlusion:patch_size=2",
)  # fmt: skip


def networks() -> list[nn.Module]:
    """Networks of digits: dense, and convolutions with mean and with max pooling."""

    def convolutions(pool: nn.Module) -> nn.Module:
        first, second = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        layers = first, nn.ReLU(), pool, second, nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
        return nn.Sequential(*layers)

    dense = nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()
    return [
        nn.Sequential(*dense, nn.Linear(32, 10)), convolutions(nn.AvgPool2d(2)),
        convolutions(nn.MaxPool2d(2)),
    ]  # fmt: skip


def explainer(spec: str, target: Tensor, /) -> Explain:
    """An explainer of these answers, as a function of a model and its inputs."""
    method: Any = build(spec, kind="explainer")
    return lambda model, x: method(model, x, target=target)


def alike(one: Tensor, other: Tensor, /) -> float:
    """The mean rank correlation of the sizes of two attributions."""
    found = rank_correlation(one.abs(), other.abs())
    return float(found.nan_to_num(0.0).mean())  # nothing to rank agrees with nothing


def scored(model: nn.Module, x: Tensor, target: Tensor, explain: Explain, /) -> Tensor:
    """Five measures of an explainer, the better the lower."""
    own, start = explain(model, x), start_of(model, x, "low")
    parts = Parts(model, x, target, part_numbers(model, x, None), start[None])
    found = (
        deletion(model, x, own, target=target, start=start),
        -insertion(model, x, own, target=target, start=blurred(x)),
        infidelity(parts, own),
        max_sensitivity(lambda moved: explain(model, moved), x),
        complexity(own),
    )
    return torch.stack([one.mean().detach().double() for one in found])
