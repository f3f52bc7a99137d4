"""Embedding view: what a layer has made of the examples, in the plane.

Each example is a point in the space of a layer's features; t-SNE or UMAP lays the points out so
that neighbours stay neighbours. How far the picture can be trusted is measured beside the two
principal axes: the share of neighbours in it that were neighbours before, and how often the nearest
one is of the same class, in the picture and in the layer.

    h = layer(x) -> places in the plane;    T(k) of the places,  1-NN accuracy of places and of h

Shapes: x (n ...), y (n); places (n 2).

Departures: none.

References:
    Laurens van der Maaten, Geoffrey Hinton. Visualizing data using t-SNE. JMLR 9, 2008.
    https://jmlr.org/papers/v9/vandermaaten08a.html
    Leland McInnes, John Healy, James Melville. UMAP. 2018. https://arxiv.org/abs/1802.03426

>>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
>>> found = embedding_view(model, torch.randn(40, 3), torch.arange(40) % 2, form="pca")
>>> found.places.shape
torch.Size([40, 2])
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.frontier.explain.studies.hidden import called, hidden
from cartograd.frontier.explain.studies.trustworthiness import trustworthiness
from cartograd.frontier.explain.studies.tsne import principal, tsne
from cartograd.frontier.explain.studies.umap import umap
from cartograd.frontier.inputs import check_takes

CARD = Card(
    name="embedding-view",
    kind="study",
    entry="embedding_view",
    nodes=("xai/embedding-view",),
    title="Embedding view (t-SNE, UMAP)",
    zh="嵌入视图（t-SNE、UMAP）",
    paper="Visualizing data using t-SNE",
    year=2008,
    url="https://jmlr.org/papers/v9/vandermaaten08a.html",
    proofs=(
        "oracle: sklearn.manifold.TSNE (exact): its divergence to 5 %, and sklearn's "
        "trustworthiness to 1e-5",
        "law: t-SNE's rows have the perplexity that was asked for, UMAP's memberships add up to "
        "the logarithm of the neighbours, and both join pairs as defined",
        "law: on digits both trust 0.97 of neighbours and keep classes together, principal axes "
        "do not",
    ),
    evidence={
        "xai/embedding-view": (
            "test_t_sne_is_scikit_learns",
            "test_views_keep_neighbours_and_classes",
            "test_every_study_is_drawn_and_told",
        )
    },
    tiny={"form": "pca"},
)

NEAR = 5
"""Neighbours in the picture by which it is judged."""

Form = Literal["t-sne", "umap", "pca"]


@dataclass(frozen=True)
class View:
    """Places in the plane, and how far they can be trusted.

    Attributes:
        form: how they were found.
        layer: whose features they show.
        places: of each example.
        classes: of each example; empty where it has values.
        values: of each example; empty where it has a class.
        labels: the names of the classes.
        figures: trustworthiness and more, by name.
    """

    form: str
    layer: str
    places: Float[Tensor, "n 2"]
    classes: tuple[int, ...]
    values: tuple[float, ...]
    labels: tuple[str, ...]
    figures: dict[str, float]

    columns = ("figure", "value")

    @property
    def notes(self) -> list[tuple[str, str]]:
        """In a line."""
        return [("layer", self.layer)]

    def rows(self) -> list[tuple[str, str]]:
        """The figures."""
        return [(name, f"{value:.4g}") for name, value in self.figures.items()]

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        own = list(self.classes) or list(self.values)
        told = {"form": self.form, "layer": self.layer, "figures": self.figures}
        return told | {"places": self.places.tolist(), "targets": own, "labels": list(self.labels)}


def embedding_view(
    model: nn.Module,
    x: Shaped[Tensor, "n ..."],
    y: Shaped[Tensor, "n ..."],
    /,
    *,
    layer: str | None = None,
    form: Form = "t-sne",
    perplexity: float = 30.0,
    neighbors: int = 15,
    seed: int = 0,
) -> View:
    """A layer's features of many examples, laid out in the plane.

    Args:
        model: any module that answers.
        x: examples, some thousand at most.
        y: their classes or values, by which they are coloured.
        layer: whose features; by default those that the last dense layer is given.
        form: `t-sne`, `umap` or `pca`, the two principal axes.
        perplexity: of t-SNE, how many neighbours a point has.
        neighbors: of UMAP, the same.
        seed: of UMAP.

    Raises:
        UsageError: too few examples, or a layer that does not exist.
    """
    check_takes(model, x)
    if form not in FORMS:
        raise unknown("form", form, FORMS)
    if len(x) < 4 * NEAR:
        raise UsageError(f"a view of {len(x)} examples shows little; expected at least {4 * NEAR}")
    features = hidden(model, x, layer)
    figures: dict[str, float] = {}
    if form == "t-sne":
        places, divergence = tsne(features, perplexity=perplexity)
        figures["divergence"] = divergence
    elif form == "umap":
        places = umap(features, neighbors=neighbors, seed=seed)
    else:
        places = principal(features)
    figures[f"trustworthiness ({NEAR} neighbours)"] = trustworthiness(features, places, k=NEAR)
    figures["of the two principal axes"] = trustworthiness(features, principal(features), k=NEAR)
    classed = y.ndim == 1 and not y.is_floating_point()
    if classed:
        figures["nearest is of the same class"] = same_class(places, y)
        figures["in the layer itself"] = same_class(features, y)
    values = () if classed else tuple(y.flatten(1).double()[:, 0].tolist() if y.ndim > 1 else [])
    count = int(y.max()) + 1 if classed else 0
    return View(
        form, layer or "features before the last dense layer", places.float(),
        tuple(y.tolist()) if classed else (), values, called(model, count), figures,
    )  # fmt: skip


def same_class(x: Float[Tensor, "n d"], y: Shaped[Tensor, " n"], /) -> float:
    """How often the nearest other example is of the same class."""
    apart = torch.cdist(x.double(), x.double()).fill_diagonal_(torch.inf)
    return float((y[apart.argmin(1)] == y).double().mean())


FORMS = ("t-sne", "umap", "pca")
