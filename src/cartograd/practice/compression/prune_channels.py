"""Structured pruning: channels that matter least are cut out of a network, and nothing is masked.

A channel of a convolution cannot go alone. Its batch norm, the layers that read it, and all that
is added to it go with it: the whole stream of a residual network, the channels of a depthwise
convolution, a head with its queries, keys, values and the columns that read them, a hidden unit of
an LSTM with its four gates. These groups are read from the exported graph (`dependencies`), and
those of least importance are cut:

    score(g) = sum of |w|^p over all weights w of the group g

What is left is a smaller network of the same kind, which computes exactly what the whole one does
with zeros for all that was cut. Its sizes are data (`core.narrowed`): it is kept, loaded, trained
on, quantised and exported as any other.

Shapes: anything; inputs and answers keep theirs.

Departures: groups that a norm over all features (layer norm) would have to be computed anew for
are not cut, since that is another function than the masked one; nor are those of the dimension
that queries and keys share. A grouped convolution loses whole groups.

References:
    Hao Li, Asim Kadav, Igor Durdanovic, Hanan Samet, Hans Peter Graf. Pruning filters for
    efficient ConvNets. ICLR 2017. https://arxiv.org/abs/1608.08710
    Zhuang Liu et al. Learning efficient convolutional networks through network slimming. ICCV 2017.
    https://arxiv.org/abs/1708.06519 (bn-scale)
    Pavlo Molchanov et al. Pruning convolutional neural networks for resource efficient inference.
    ICLR 2017. https://arxiv.org/abs/1611.06440 (taylor)

>>> from cartograd.core.build import build
>>> from cartograd.core.ports import Port, Signature
>>> ports = (Port("row", "vector", (4,)),), (Port("class", "label", (3,)),)
>>> model = build("mlp:widths=[10]", kind="model", signature=Signature(*ports))
>>> small = prune_channels(model, amount=0.5)
>>> [tuple(weight.shape) for weight in small.parameters()]
[(5, 4), (5,), (3, 5), (3,)]
"""

import warnings
from dataclasses import replace

from torch import nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.example import drawn_for
from cartograd.core.protocols import Batches, Writer
from cartograd.core.signed import signature_of
from cartograd.practice.compression.cut import cut, inner_of
from cartograd.practice.compression.dependencies import dependencies
from cartograd.practice.compression.importance import Importance, Scope, least, scored
from cartograd.practice.compression.slopes import slopes
from cartograd.practice.compression.widths import Dependencies

CARD = Card(
    name="prune-channels",
    kind="compressor",
    entry="prune_channels",
    nodes=("compress/prune-structured",),
    title="Channel pruning",
    zh="通道剪枝",
    aliases=("structured-pruning", "filter-pruning"),
    paper="Pruning filters for efficient ConvNets",
    year=2017,
    url="https://arxiv.org/abs/1608.08710",
    proofs=(
        "oracle: torch_pruning, on ResNet-18, DenseNet and MobileNet: the same groups of weights, "
        "and the same shapes once half of each width is gone",
        "paper: ResNet-18 without half of its channels has 3,055,880 parameters and 487,203,000 "
        "multiply-adds",
        "law: the pruned network is the one with zeros for what was cut, to 1e-12 in float64",
        "law: every architecture of the library is pruned and runs forward, backward and as an "
        "exported graph, or stands in a table with the reason",
        "law: a bundle builds it again from sizes that are data, and it trains on, is quantised, "
        "exported and explained",
    ),
    evidence={"compress/prune-structured": ("acceptance:pruned-fashion",)},
    tiny={"amount": 0.25},
)


def prune_channels(
    model: nn.Module,
    data: Batches | None = None,
    /,
    *,
    amount: float = 0.5,
    importance: Importance = "l1",
    scope: Scope = "local",
    seed: int = 0,
) -> nn.Module:
    """A copy of a model without the channels that matter least.

    Args:
        model: with its signature.
        data: examples with their right answers, for importance=taylor.
        amount: share of the channels that go; of each width it is rounded down.
        importance: of a channel, by which the least go: l1, l2, bn-scale, taylor or random.
        scope: whether that share goes of each width (local), or of all together (global).
        seed: of importance=random.

    Raises:
        UsageError: nothing can be cut, which names what and why; or the importance lacks something.
    """
    return pruned(model, data, amount=amount, importance=importance, scope=scope, seed=seed)


def pruned(
    model: nn.Module, data: Batches | None, /, *, amount: float, importance: Importance,
    scope: Scope, seed: int, heads: bool = False,
) -> nn.Module:  # fmt: skip
    """The same, of all channels or of attention heads alone.

    Raises:
        UsageError: nothing can be cut, which names what and why.
    """
    signature = signature_of(model)
    inner = inner_of(model)[0]
    if scope == "global" and isinstance(inner, Writer):
        raise UsageError(
            "scope=global: the model writes with one cache for all of its layers, which therefore "
            "keep as many heads each; take scope=local"
        )
    slope = slopes(model, data, "importance=taylor") if importance == "taylor" else None
    examples = drawn_for(model, signature)
    found = dependencies(model, examples)
    what = "heads" if heads else "channels"
    if heads:
        found = replace(found, widths=[width for width in found.widths if width.heads])
    if not found.widths:
        raise UsageError(f"no {what} of this model can be cut: {_reasons(found)}")
    scores = scored(model, found, importance, gradients=slope, seed=seed)
    gone = least(found, scores, amount, scope)
    if not gone:
        raise UsageError(
            f"amount={amount} is less than one of the {what} of each width "
            f"({', '.join(str(len(width.groups)) for width in found.widths[:8])}); take more"
        )
    done = cut(model, found, gone, examples)
    for width, why in done.left_whole:
        warnings.warn(f"{width.name} keeps its {len(width.groups)} {what}: {why}", stacklevel=2)
    if len(done.left_whole) == len(found.widths):
        raise UsageError(
            f"no {what} of this model can be cut: "
            + "; ".join(f"{width.name}: {why}" for width, why in done.left_whole[:3])
        )
    return done.model


def _reasons(found: Dependencies) -> str:
    """Which layers stay, and why."""
    told = dict.fromkeys(f"{name} ({why})" for name, _, why in found.fixed)
    return "; ".join(list(told)[:4]) or "it has no two layers of which one reads the other"
