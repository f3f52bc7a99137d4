"""Triplet loss: an anchor has to be nearer to its own kind than to any other, by a margin.

Only the order of distances counts, not their size. Most triplets are easy and teach nothing;
`batch_hard` therefore takes, for each example of a batch, the farthest of its own class and the
nearest of another.

    L = max(0, |a - p| - |a - n| + margin)

Shapes: anchors, positives and negatives `b d`; losses ` b`, one per anchor. For `batch_hard`
embeddings `b d` and classes ` b`.

Departures: FaceNet squares the distances; these are plain, as in Hermans' paper and in torch.

References:
    Florian Schroff, Dmitry Kalenichenko, James Philbin. FaceNet: a unified embedding for face
    recognition and clustering. CVPR 2015. https://arxiv.org/abs/1503.03832
    Alexander Hermans, Lucas Beyer, Bastian Leibe. In defense of the triplet loss for person
    re-identification. 2017. https://arxiv.org/abs/1703.07737

>>> anchor, positive, negative = torch.tensor([[[0.0]], [[1.0]], [[1.5]]])
>>> triplet(anchor, positive, negative, margin=1.0).tolist()
[0.5]
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="triplet",
    kind="loss",
    entry="triplet",
    nodes=("loss/triplet",),
    title="Triplet loss",
    zh="三元组损失",
    paper="FaceNet: a unified embedding for face recognition and clustering",
    year=2015,
    url="https://arxiv.org/abs/1503.03832",
    proofs=(
        "oracle: torch.nn.functional.triplet_margin_loss, values and gradients to 1e-9 in float64",
        "law: batch-hard mining finds what a search through all triplets finds, and its gradients "
        "are finite among equal points",
    ),
    evidence={
        "loss/triplet": (
            "test_equals_torch_with_gradients",
            "test_batch_hard_finds_the_hardest_of_all_triplets",
        ),
    },
)


def triplet(
    anchor: Float[Tensor, "b d"],
    positive: Float[Tensor, "b d"],
    negative: Float[Tensor, "b d"],
    /,
    *,
    margin: float = 1.0,
) -> Float[Tensor, " b"]:
    """How much the positive is not nearer than the negative by the margin.

    Args:
        anchor: the examples compared with.
        positive: one like each of them.
        negative: one unlike each of them.
        margin: how much nearer the like example has to be than the other.
    """
    near = torch.linalg.vector_norm(anchor - positive, dim=1)
    far = torch.linalg.vector_norm(anchor - negative, dim=1)
    return (near - far + margin).clamp(min=0)


def batch_hard(
    embeddings: Float[Tensor, "b d"], classes: Int[Tensor, " b"], /, *, margin: float = 1.0
) -> Float[Tensor, " b"]:
    """The triplet loss of each example with its farthest positive and nearest negative.

    An example without a partner of its own class is its own positive, at distance 0.

    Raises:
        UsageError: the batch is of one class, so that there is no negative.
    """
    same = classes.unsqueeze(1) == classes
    if bool(same.all()):
        raise UsageError("batch_hard: all examples of the batch are of one class; mix the classes")
    distance = torch.cdist(embeddings.detach(), embeddings.detach())
    positive = distance.masked_fill(~same, -torch.inf).argmax(1)
    negative = distance.masked_fill(same, torch.inf).argmin(1)
    return triplet(embeddings, embeddings[positive], embeddings[negative], margin=margin)
