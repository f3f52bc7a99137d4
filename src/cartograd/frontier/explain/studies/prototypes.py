"""Prototypes: what a prototype network remembers of each class, and how the examples rest on it.

Each prototype is a place in a training picture. Beside it stand how much it speaks for its class,
how near the examples come to it, and by what share of the answers it was the most similar of all.

    share_j = |{x : j = argmax_i w_i g_i(x), i of the answer's class}| / n

Shapes: x (n c y x), y (n).

Departures: none.

References:
    Chaofan Chen, Oscar Li, Daniel Tao, Alina Barnett, Cynthia Rudin, Jonathan K. Su. This looks
    like that: deep learning for interpretable image recognition. NeurIPS 2019.
    https://arxiv.org/abs/1806.10574

>>> from cartograd.frontier.explain.glassbox.prototype_network import PrototypeNetwork
>>> model = PrototypeNetwork(channels=1, size=8, classes=2, prototypes=3)
>>> len(prototypes(model, torch.rand(9, 1, 8, 8), torch.arange(9) % 2).rows())
6
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import Signed, statistics
from cartograd.frontier.explain.glassbox.inner import inner_of
from cartograd.frontier.explain.glassbox.learn_prototypes import prototypes_in
from cartograd.frontier.explain.glassbox.prototype_network import similarity
from cartograd.frontier.explain.studies.hidden import called, check_labelled
from cartograd.frontier.inputs import check_takes, rows_at_once

CARD = Card(
    name="prototypes",
    kind="study",
    entry="prototypes",
    nodes=("xai/prototype",),
    title="Prototypes and what rests on them",
    zh="原型及其作用",
    paper="This looks like that: deep learning for interpretable image recognition",
    year=2019,
    url="https://arxiv.org/abs/1806.10574",
    proofs=(
        "law: on real digits nine of ten are right by prototypes that are patches of training "
        "pictures of their own class",
    ),
    evidence={
        "xai/prototype": (
            "test_digits_look_like_digits",
            "test_a_prototype_is_a_patch_of_its_picture",
        )
    },
)


@dataclass(frozen=True)
class Prototypes:
    """What a prototype network remembers.

    Attributes:
        pictures: where each prototype is from, in the units of the input port.
        boxes: its place there: first and last row, first and last column.
        labels: its class.
        weights: how much it speaks for its class.
        distances: of the nearest patch of the examples.
        shares: of the examples whose answer rests on it the most.
        nearest: the example that comes nearest.
        accuracy: of the network on the examples.
    """

    pictures: Float[Tensor, "m c y x"]
    boxes: Int[Tensor, "m 4"]
    labels: tuple[str, ...]
    weights: tuple[float, ...]
    distances: tuple[float, ...]
    shares: tuple[float, ...]
    nearest: Float[Tensor, "m c y x"]
    accuracy: float

    columns = ("class", "place", "speaks for it", "nearest patch", "answers that rest on it")

    @property
    def notes(self) -> list[tuple[str, str]]:
        """In a line."""
        return [("right", f"{self.accuracy:.1%} of the examples")]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each prototype."""
        return [
            (
                label, f"rows {a + 1}-{b + 1}, columns {c + 1}-{d + 1}", f"{weight:.2f}",
                f"{distance:.3g}", f"{share:.1%}",
            )
            for label, (a, b, c, d), weight, distance, share in self._each()
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures."""
        told = [
            {"class": label, "box": box, "weight": weight, "distance": distance, "share": share}
            for label, box, weight, distance, share in self._each()
        ]
        return {"accuracy": self.accuracy, "prototypes": told}

    def _each(self) -> Any:
        return zip(
            self.labels, self.boxes.tolist(), self.weights, self.distances, self.shares,
            strict=True,
        )  # fmt: skip


def prototypes(
    model: nn.Module, x: Float[Tensor, "n c y x"], y: Shaped[Tensor, "n ..."], /
) -> Prototypes:
    """What a prototype network remembers, and how examples rest on it.

    Args:
        model: a prototype network.
        x: examples.
        y: their classes.

    Raises:
        UsageError: the model has no prototypes, or the examples no classes.
    """
    check_takes(model, x)
    y, own = check_labelled(y, "prototypes").to(x.device), prototypes_in(model)
    with evaluating(model), torch.no_grad():
        seen = inner_of(model, x)[1]
        d = torch.cat([own.distances(part) for part in seen.split(rows_at_once(x))])
        g, owners = similarity(d), own.owners
        said = own.head(g).argmax(1)
        speaks = own.head.weight[owners, torch.arange(len(owners), device=x.device)]
        rests = (g * speaks).masked_fill(owners[None] != said[:, None], -torch.inf).argmax(1)
        shares = torch.bincount(rests, minlength=len(owners)) / len(x)
        pictures = own.pictures.clone()
    if isinstance(model, Signed) and model.signature.input.mean:
        mean, std = (side.to(x) for side in statistics(model.signature.input))
        pictures = pictures * std + mean
    names = called(model, own.classes)
    return Prototypes(
        pictures, own.boxes(), tuple(names[one] for one in owners.tolist()),
        tuple(speaks.tolist()), tuple(d.amin(0).tolist()), tuple(shares.tolist()),
        x[d.argmin(0)], float((said == y).double().mean()),
    )  # fmt: skip
