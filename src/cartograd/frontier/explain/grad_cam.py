"""Grad-CAM: where in the picture the channels lie that an output listens to.

A convolution's channels still know where they see something. Each is weighted by how much the
output listens to it, and their sum, scaled up to the input, is the map:

    grad-cam    relu(sum_k w_k A_k),    w_k = mean over places of g_k,    g = dy / dA
    grad-cam++  w_k = sum over places of a relu(g),   a = g^2 / (2 g^2 + g^3 sum over places of A)
    hires-cam   relu(sum_k g_k A_k): the gradient at each place itself
    layer-cam   relu(sum_k relu(g_k) A_k)

Shapes: x (b ...) and the attribution, the same; the layer gives (b k ...) or, of tokens, patches
and moments, (b t k).

Departures: HiResCAM is cut off at zero as the others are; colours share the map among them.

References:
    Ramprasaath R. Selvaraju, Michael Cogswell, Abhishek Das, Ramakrishna Vedantam, Devi Parikh,
    Dhruv Batra. Grad-CAM. ICCV 2017. https://arxiv.org/abs/1610.02391
    Aditya Chattopadhay, Anirban Sarkar, Prantik Howlader, Vineeth N. Balasubramanian. Grad-CAM++.
    WACV 2018. https://arxiv.org/abs/1710.11063
    Rachel Lea Draelos, Lawrence Carin. Use HiResCAM instead of Grad-CAM for faithful explanations.
    2020. https://arxiv.org/abs/2011.08891
    Peng-Tao Jiang, Chang-Bin Zhang, Qibin Hou, Ming-Ming Cheng, Yunchao Wei. LayerCAM. IEEE TIP
    2021. https://doi.org/10.1109/TIP.2021.3089943

>>> conv, flat = torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Flatten()
>>> model = torch.nn.Sequential(conv, torch.nn.ReLU(), flat, torch.nn.Linear(32, 3))
>>> grad_cam(model, torch.rand(5, 1, 4, 4), target=1).shape
torch.Size([5, 1, 4, 4])
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.learning import check_learns
from cartograd.frontier.explain.baselines import given_targets
from cartograd.frontier.explain.layers import CONVOLVED, layer_named, listened
from cartograd.frontier.inputs import (
    check_classes,
    check_takes,
    chosen,
    of_steps,
    rows_at_once,
    with_gradients,
)

CARD = Card(
    name="grad-cam",
    kind="explainer",
    entry="grad_cam",
    nodes=("xai/grad-cam",),
    title="Grad-CAM",
    zh="Grad-CAM 类激活图",
    paper="Grad-CAM: visual explanations from deep networks via gradient-based localization",
    year=2017,
    url="https://arxiv.org/abs/1610.02391",
    proofs=(
        "oracle: captum.attr.LayerGradCam with its ReLU on, scaled up, to 1e-10 in float64",
        "law: with global average pooling before a dense layer it is the class activation map of "
        "that layer's weights, but for the number of places",
        "law: HiResCAM of a network whose last layer is dense adds up to the output without bias",
        "law: twice the output is twice the map; a convolution is found as a function, too",
    ),
    evidence={
        "xai/grad-cam": (
            "test_grad_cam_is_captums_of_the_last_convolution",
            "test_with_average_pooling_it_is_the_class_map",
        )
    },
)

Form = Literal["grad-cam", "grad-cam++", "hires-cam", "layer-cam"]


def grad_cam(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    layer: str | None = None,
    form: Form = "grad-cam",
) -> Float[Tensor, "b ..."]:
    """Where what an output listens to lies.

    Args:
        model: any module with a layer that keeps places.
        x: pictures, series or tokens, in the units of the input port.
        target: which output to explain, one for all or one each; by default the highest.
        layer: its path in the model; by default the last convolution that the model calls.
        form: `grad-cam`, `grad-cam++`, `hires-cam` or `layer-cam`.

    Raises:
        UsageError: an output or a layer that the model does not have, or one that keeps no places.
    """
    if form not in FORMS:
        raise unknown("form", form, tuple(FORMS))
    check_takes(model, x)
    rows, parts, last = rows_at_once(x), [], of_steps(model, x)
    size = x.shape[1:-1] if last else x.shape[2:] if x.is_floating_point() else x.shape[1:]
    first = layer is None or isinstance(layer_named(model, layer), CONVOLVED)
    check_learns(model)
    with with_gradients(model):
        targets = given_targets(x, target)
        for place, part in enumerate(x.split(rows)):
            own = None if targets is None else targets.split(rows)[place]
            found = listened(model, part, layer, partial(_asked, own=own))
            a, g = (_places_last(one, part, size, first) for one in found)
            if len(size) == 2 and found[1].ndim == 3 and not g.any():
                raise UsageError(
                    "of that layer the output depends on the class token alone; name one before it"
                )
            parts.append(_over(FORMS[form](a, g).clamp_min(0), part, size, last))
    return torch.cat(parts)


def _asked(outputs: Tensor, own: Tensor | None) -> Tensor:
    """The sum of the outputs to explain, one of each example, by default its highest."""
    own = outputs.argmax(1) if own is None else own
    check_classes(own, outputs)
    return chosen(outputs, own).sum()


def _places_last(
    a: Tensor, x: Tensor, size: Sequence[int], channels_first: bool
) -> Float[Tensor, "b k ..."]:
    """A layer's output with its places behind the channels; of patches of a picture two sides.

    Raises:
        UsageError: it keeps no places, or none that can be told.
    """
    alike = a.ndim == 3 and len(a) == len(x)
    if alike and not channels_first and len(size) == 1 and a.shape[1] == size[0]:
        return a.transpose(1, 2)
    if alike and len(size) == 2:
        if size[0] != size[1]:
            raise UsageError(
                f"the layer gives {a.shape[1]} patches of a picture of {size[0]} x {size[1]}, "
                "which does not tell how they lie; name a convolution, with layer="
            )
        side = int(a.shape[1] ** 0.5)
        return a[:, a.shape[1] - side**2 :].transpose(1, 2).unflatten(2, (side, side))
    known = channels_first or len(size) > 1 or a.shape[-1] == size[0] or x.is_floating_point()
    if len(a) != len(x) or not known or a.ndim != len(size) + 2 or a.shape[2:].numel() < 2:
        raise UsageError(
            f"the layer gives {tuple(a.shape)} for inputs of {tuple(x.shape)}: it keeps no places "
            "to look at; name one before the pooling, with layer="
        )
    return a


def _over(
    found: Float[Tensor, "b ..."], x: Tensor, size: Sequence[int], channels_last: bool
) -> Float[Tensor, "b ..."]:
    """A map scaled up to the input, shared among its colours."""
    modes = {1: "linear", 2: "bilinear", 3: "trilinear"}
    large = F.interpolate(
        found[:, None], size=tuple(size), mode=modes[len(size)], align_corners=False
    )
    if not x.is_floating_point():
        return large[:, 0]
    channels = -1 if channels_last else 1
    return (large.movedim(1, channels) / x.shape[channels]).expand_as(x)


def _mean(a: Tensor, g: Tensor) -> Tensor:
    return _weighted(g.flatten(2).mean(2), a)


def _plus_plus(a: Tensor, g: Tensor) -> Tensor:
    everywhere = a.flatten(2).sum(2).reshape(*a.shape[:2], *[1] * (a.ndim - 2))
    below = 2 * g.square() + g**3 * everywhere
    alpha = torch.where(below == 0, 0.0, g.square() / torch.where(below == 0, 1.0, below))
    return _weighted((alpha * g.clamp_min(0)).flatten(2).sum(2), a)


def _weighted(w: Tensor, a: Tensor) -> Tensor:
    return (w[:, None] @ a.flatten(2)).reshape(len(a), *a.shape[2:])


FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "grad-cam": _mean,
    "grad-cam++": _plus_plus,
    "hires-cam": lambda a, g: (g * a).sum(1),
    "layer-cam": lambda a, g: (g.clamp_min(0) * a).sum(1),
}
"""From a layer's output and its gradient to the map before it is cut off at zero."""
