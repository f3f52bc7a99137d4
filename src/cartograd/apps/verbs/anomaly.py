"""How strange examples are to a generative model, and how well that tells anomalies.

A high density is no sign that an example is like the others: flat pictures have a higher one than
any real picture, and flows trained on clothes find digits likelier than clothes. So the density
alone is never the score. What a short code cannot bring back is strange, and so is what a model
finds less likely than a plainer way of writing it down: another model, or a general compressor.

    reconstruction   mean (x - rebuilt x)^2, in standard deviations of the data
    background       log p_background(x) - log p(x), in nats
    complexity       bits that the model needs - bits that zlib needs

References:
    Eric Nalisnick and others. Do deep generative models know what they don't know? ICLR 2019.
    https://arxiv.org/abs/1810.09136
    Jie Ren and others. Likelihood ratios for out-of-distribution detection. NeurIPS 2019.
    https://arxiv.org/abs/1906.02845
    Joan Serrà and others. Input complexity and out-of-distribution detection with likelihood-based
    generative models. ICLR 2020. https://arxiv.org/abs/1909.11480
"""

import math
import zlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.verbs.conditions import Condition, number_of
from cartograd.apps.verbs.drawn_samples import Figure
from cartograd.core.errors import UsageError, unknown
from cartograd.core.generative import Likelihood, NotSupported
from cartograd.core.signed import Signed, statistics
from cartograd.data.dataset.dataset import Examples
from cartograd.data.dataset.own_targets import OwnTargets
from cartograd.practice.metrics.roc_auc import limits, roc_auc

WAYS = ("reconstruction", "background", "complexity")

ANOMALIES = "roc-auc (of anomalies)"
"""What `evaluate` calls it."""

TOGETHER = 500
"""Examples that are scored at once."""


@runtime_checkable
class Scored(Protocol):
    """What a score needs of a generative model; `cartograd.generative_model` makes one."""

    name: str
    model: Signed

    def capabilities(self) -> dict[str, str]:
        """What it can do."""
        ...

    def log_prob(self, x: Float[Tensor, "b ..."], /, *, condition: Condition = None) -> Likelihood:
        """How likely examples are."""
        ...

    def reconstruct(
        self, x: Float[Tensor, "b ..."], /, *, condition: Condition = None
    ) -> Float[Tensor, "b ..."]:
        """Examples again."""
        ...


def strangeness(
    model: Scored,
    x: Float[Tensor, "b ..."],
    /,
    *,
    by: str | None = None,
    background: Scored | None = None,
    condition: Condition = None,
) -> Float[Tensor, " b"]:
    """How strange each example is, the higher the stranger, in float64.

    Args:
        model: of such examples.
        x: examples.
        by: one of `WAYS`; by default the first that can be had.
        background: another model of densities, trained on what is common to all examples.
        condition: the classes of the examples, where the model is told of them.

    Raises:
        NotSupported: the model has no such score.
        UsageError: there is no such way, or the examples do not fit the model.
    """
    way, found = way_of(model, by, background), []
    for start in range(0, len(x), TOGETHER):
        part = x[start : start + TOGETHER]
        told = condition
        if not (condition is None or isinstance(condition, str | int)):
            told = condition[start : start + TOGETHER]
        found.append(_scored(model, way, background, part, told))
    return torch.cat(found)


def of_anomalies(
    model: Scored,
    examples: Examples,
    normal: Sequence[str | int],
    /,
    *,
    by: str | None = None,
    background: Scored | None = None,
) -> Figure:
    """ROC AUC of the score as a sign that an example is of none of the normal classes.

    Args:
        model: of such examples.
        examples: with their classes, the normal ones among them.
        normal: the classes that are, by names or numbers.
        by: see `strangeness`.
        background: see `strangeness`.

    Raises:
        UsageError: a class is unknown, all examples are normal or none is, or see `strangeness`.
    """
    raw = examples.part if isinstance(examples, OwnTargets) else examples
    if raw.signature.target != "class":
        raise UsageError("anomalies are those of other classes, and these data have no classes")
    chosen = [number_of(raw.signature.output, one) for one in normal]
    data = raw.select(range(len(raw)))
    strange = ~torch.isin(data.targets, torch.tensor(chosen))
    if not 0 < int(strange.sum()) < len(strange):
        raise UsageError(
            f"of {len(strange)} examples {int(strange.sum())} are of other classes than "
            f"{', '.join(map(str, normal))}; expected some of both"
        )
    told = None if model.model.signature.condition is None else data.targets.tolist()
    found = strangeness(model, data.inputs, by=by, background=background, condition=told)
    logits = (found - found.mean()) / found.std().clamp(min=1e-12)
    way = way_of(model, by, background)
    doubt = f"{int(strange.sum()):,} anomalies among {len(strange):,} examples, by {way}"
    return roc_auc(logits, strange.long()), limits(logits, strange.long()), doubt


def way_of(model: Scored, by: str | None = None, background: Scored | None = None, /) -> str:
    """Which score is taken.

    Raises:
        NotSupported: the model has none.
        UsageError: there is no such way, or it lacks a background.
    """
    if by is not None and by not in WAYS:
        raise unknown("way to score", by, WAYS)
    if by is not None and (by == "background") != (background is not None):
        raise UsageError("a score by 'background' and a model background= belong together")
    has = model.capabilities()
    levels = model.model.signature.example.levels
    can = {
        "background": "log_prob" in has and background is not None,
        "reconstruction": "reconstruct" in has,
        "complexity": "log_prob" in has and levels > 0,
    }
    way = by or next((name for name in can if can[name]), None)
    if way is None or not can[way]:
        raise NotSupported(
            f"{model.name} has no score{f' by {by}' if by else ''}: it must bring examples back "
            "by a code that is shorter than they are (autoencoder, vae), or have a density and "
            "either pictures of whole levels or background=, another model of densities (its "
            "density alone says nothing about strangeness)"
        )
    return way


def _scored(
    model: Scored, way: str, background: Scored | None, x: Tensor, condition: Condition
) -> Float[Tensor, " b"]:
    if way == "reconstruction":
        _, std = statistics(model.model.signature.example)
        again = model.reconstruct(x, condition=condition)
        return ((x.cpu() - again) / std).double().square().flatten(1).mean(1)
    nats = model.log_prob(x, condition=condition).nats.double()
    if way == "complexity":
        return -nats / math.log(2) - _compressed(x, model.model.signature.example.levels)
    assert background is not None
    told = condition if background.model.signature.condition is not None else None
    return background.log_prob(x, condition=told).nats.double() - nats


def _compressed(x: Float[Tensor, "b ..."], levels: int) -> Float[Tensor, " b"]:
    """Bits that zlib needs for the levels of each example, as bytes."""
    steps = (x * (levels - 1)).round().to(torch.uint8).flatten(1).cpu().numpy()
    return torch.tensor([8.0 * len(zlib.compress(row.tobytes(), 9)) for row in steps]).double()
