"""Models as functions with a row of numbers for each example, one of which is to be explained.

A language model answers at each position: the number that counts is the logit of the next token,
after the last one that is there. A detector answers with many boxes: the number of a class is the
score of its surest one. A sentence encoder answers with a vector, whose numbers mean
nothing by themselves: what counts is its cosine similarity to that of another text, held fixed.
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.detections import log_scores
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.frontier.explain.layers import layer_named, recorded


class NoAndYes(nn.Module):
    """A model of a single logit z as a classifier of two classes, with logits -z and z.

    Args:
        model: it answers `b 1`.
    """

    def __init__(self, model: Signed, /):
        super().__init__()
        self.model, self.signature = model, model.signature

    def forward(self, *x: Tensor) -> Tensor:
        """The two numbers -z and z."""
        yes = self.model(*x)
        return torch.cat([-yes, yes], 1)


class NextToken(nn.Module):
    """A language model as a classifier of the token that comes after each text.

    Args:
        model: it answers with logits at each position, `b t k`.
    """

    def __init__(self, model: Signed, /):
        super().__init__()
        self.model, self.signature = model, model.signature
        self.padding = model.signature.input.padding_id

    def forward(self, tokens: Shaped[Tensor, "b t"]) -> Float[Tensor, "b k"]:
        """The logits after the last token that is no padding."""
        padding = -1 if self.padding is None else self.padding
        there = tokens.ne(padding).long()
        places = torch.arange(tokens.shape[1], device=tokens.device)
        last = (there * places).argmax(1)
        return self.model(tokens)[torch.arange(len(tokens), device=tokens.device), last]


class RegionScore(nn.Module):
    """A model of masks as a classifier: of each class its logits, summed over a region.

    The region of a class is where the model says so; of one that it says nowhere, the whole
    picture.

    Args:
        model: it answers with logits of each pixel, `b k y x`.

    References:
        Kira Vinogradova, Alexandr Dibrov, Gene Myers. Towards interpretable semantic segmentation
        via gradient-weighted class activation mapping. AAAI 2020. https://arxiv.org/abs/2002.11434
    """

    def __init__(self, model: Signed, /):
        super().__init__()
        self.model, self.signature = model, model.signature

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """A number for each class."""
        logits = self.model(x)
        k = logits.shape[1]
        said = F.one_hot(logits.detach().argmax(1), k).movedim(-1, 1).to(logits.dtype)
        nowhere = (said.sum((2, 3), keepdim=True) == 0).to(logits.dtype)
        return (logits * (said + nowhere)).sum((2, 3))


class BoxScore(nn.Module):
    """A detector as a classifier: of each class the logarithm of the score of its surest box.

    Which box that is may change with the picture; where it says so, is that box.

    Args:
        model: it answers with boxes, `b q n` (`core.detections`).

    References:
        Vitali Petsiuk et al. Black-box explanation of object detectors via saliency maps. CVPR
        2021 (what of a detection is explained). https://arxiv.org/abs/2006.03204
    """

    def __init__(self, model: Signed, /):
        super().__init__()
        self.model, self.signature = model, model.signature
        self.classes = len(model.signature.output.labels) or model.signature.classes or 1

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """A number for each class, 0 where nothing could be surer."""
        return log_scores(self.model(x), self.classes).amax(1)


class Similarity(nn.Module):
    """A model of vectors as a function with the cosine similarity to each of these examples.

    Args:
        model: it answers with a vector for each example, `b d`.
        others: examples, whose vectors are held fixed.

    Raises:
        UsageError: its answer is no vector for each example.
    """

    units: Tensor

    def __init__(self, model: Signed, others: Shaped[Tensor, "b ..."], /):
        super().__init__()
        self.model, self.signature = model, model.signature
        with torch.no_grad():
            vectors = model(others)
        if vectors.ndim != 2:
            raise UsageError(
                f"similarity is that of one vector for each example, and the model answers with "
                f"shape {tuple(vectors.shape)}; give one that pools its tokens"
            )
        self.register_buffer("units", F.normalize(vectors, dim=1), persistent=False)

    def forward(self, x: Shaped[Tensor, "b ..."]) -> Float[Tensor, "b n"]:
        """The cosine similarity to each of the others."""
        return F.normalize(self.model(x), dim=1) @ self.units.T


class Units(nn.Module):
    """The units of a hidden layer as answers: why is one of them active?

    A channel answers with its mean over places, a feature of tokens with its mean over them.

    Args:
        model: it runs the layer.
        layer: its path.
        each: whether each neuron at each place answers for itself instead.

    Raises:
        UsageError: there is no such layer.
    """

    def __init__(self, model: Signed, layer: str, /, *, each: bool = False):
        super().__init__()
        layer_named(model, layer)
        self.model, self.layer, self.each, self.signature = model, layer, each, model.signature

    def given(self, *x: Tensor) -> Tensor:
        """What the layer gives."""
        with recorded(self.model, self.layer) as seen:
            self.model(*x)
        if not seen or seen[-1].ndim < 2:
            raise UsageError(f"layer {self.layer} gives no row of units for an example; name one "
                             "that does")  # fmt: skip
        return seen[-1]

    @staticmethod
    def counted(sizes: tuple[int, ...], /) -> tuple[int, ...]:
        """How many units a layer of these sizes has: channels come first, features of tokens last.

        >>> Units.counted((6, 8, 8)), Units.counted((12, 32)), Units.counted((10,))
        ((6,), (32,), (10,))
        """
        return (sizes[-1] if len(sizes) == 2 else sizes[0],)

    def forward(self, *x: Tensor) -> Tensor:
        """A number for each unit."""
        found = self.given(*x)
        if self.each:
            return found.flatten(1)
        return (
            found.flatten(2).mean(2)
            if found.ndim > 3
            else found
            if found.ndim < 3
            else (found.mean(1))
        )
