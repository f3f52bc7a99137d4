"""Style transfer by Gatys: a picture with the content of one and the style of another.

How strongly each pair of a layer's maps answers at the same places (their Gram matrix) says of
which strokes and colours a picture is made, and nothing of where. So a picture is looked for, down
the slope by its pixels, whose Gram matrices are those of the style and whose maps in one layer are
those of the content. No network learns; any that has learned to tell pictures apart has the maps.

    G_l(x) = F_l(x) F_l(x)' / places
    style(x)   = mean over l of |G_l(x) - G_l(style)|^2 / (|G_l(content)|^2 + |G_l(style)|^2)
    content(x) = |F(x) - F(content)|^2 / |F(content)|^2
    argmin over x of content(x) + weight style(x)

Shapes: pictures `1 c y x`, those of the style of any size; maps `1 m y2 x2`.

Departures: distances in parts of what is given, so that one weight means the same in any network;
it begins at the content, as the field does (or, as in the paper, at noise); Adam with pixels kept
within their bounds in place of L-BFGS, which knows none.

References:
    Leon A. Gatys, Alexander S. Ecker, Matthias Bethge. Image style transfer using convolutional
    neural networks. CVPR 2016.
    https://openaccess.thecvf.com/content_cvpr_2016/html/Gatys_Image_Style_Transfer_CVPR_2016_paper.html

>>> gram(torch.tensor([[[[1.0, 1.0]], [[2.0, 0.0]]]]))
tensor([[[1., 1.],
         [1., 2.]]])
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.generative.style.maps import Maps

STEPS = 200
WEIGHT = 30.0
RATE = 0.05
"""The rate at the first step, in parts of the pixels' range; it falls to nothing like half a
cosine."""

LEAST = 1e-12
"""Squares are divided by no less, where a layer is silent."""


def gram(features: Float[Tensor, "b m y x"], /) -> Float[Tensor, "b m m"]:
    """The mean product of each pair of maps over all places."""
    flat = features.flatten(2)
    return flat @ flat.mT / flat.shape[2]


class Aim:
    """What a picture is to come near to.

    Args:
        look: the maps of a picture.
        content, style: pictures.
        layers: whose Gram matrices are to be the style's.
        place: the layer whose maps are to be the content's.
    """

    def __init__(
        self,
        look: Callable[[Tensor], Maps],
        content: Float[Tensor, "1 c y x"],
        style: Float[Tensor, "1 c y2 x2"],
        /,
        *,
        layers: Sequence[str],
        place: str,
    ):
        self.look, self.layers, self.place = look, layers, place
        with torch.no_grad():
            own, other = look(content), look(style)
            self.features = own[place].clone()
            self.grams = {name: gram(other[name]) for name in layers}
            self.units = {
                name: (gram(own[name]).square().sum() + one.square().sum()).clamp_min(LEAST)
                for name, one in self.grams.items()
            }

    def losses(self, x: Float[Tensor, "1 c y x"], /) -> tuple[Float[Tensor, ""], ...]:
        """How far a picture is from the content, and from the style."""
        found = self.look(x)
        content = (found[self.place] - self.features).square().sum()
        style = [
            (gram(found[name]) - one).square().sum() / self.units[name]
            for name, one in self.grams.items()
        ]
        whole = self.features.square().sum().clamp_min(LEAST)
        return content / whole, torch.stack(style).mean()

    def figures(self, x: Float[Tensor, "1 c y x"], /) -> tuple[float, float]:
        """The style loss of a picture, and the cosine of its features with the content's."""
        with torch.no_grad():
            features = self.look(x)[self.place].flatten()
            cosine = torch.nn.functional.cosine_similarity(features, self.features.flatten(), 0)
            return self.losses(x)[1].item(), cosine.item()


def restyled(
    aim: Aim,
    start: Float[Tensor, "1 c y x"],
    /,
    *,
    bounds: tuple[float, float],
    steps: int = STEPS,
    weight: float = WEIGHT,
) -> Float[Tensor, "1 c y x"]:
    """A picture that comes near to an aim.

    Args:
        aim: content and style.
        start: the picture to begin with.
        bounds: of its pixels.
        steps: down the slope.
        weight: how much more the style counts than the content; at 0 it does not count.
    """
    low, high = bounds
    x = start.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([x])
    for step in range(steps):
        fall = (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.param_groups[0]["lr"] = RATE * (high - low) * fall
        content, style = aim.losses(x)
        (x.grad,) = torch.autograd.grad(content + weight * style, x)
        optimizer.step()
        with torch.no_grad():
            x.clamp_(low, high)
    return x.detach()
