"""Invariance: whether an answer stands for every picture that one becomes when it is moved.

Of a finite group (a flip, whole shifts, orders of the moments of a series) every element is tried,
and that is a proof. Of a range of angles or of fractions of a pixel there are infinitely many; the
range is cut into intervals, each becomes a box of pictures (`moves.py`), and CROWN bounds what the
model answers over it. An interval whose bound is not above zero is halved; one in whose middle
another class is answered ends the search with that picture.

Shapes: x (b ...), y (b).

Departures: it is the answer that has to stand, not each number of it; how much the numbers change
is told. Shifts go around the border, turned pictures are bilinear with the least valid number
beyond it.

References:
    Mislav Balunovic, Maximilian Baader, Gagandeep Singh, Timon Gehr, Martin Vechev. Certifying
    geometric robustness of neural networks. NeurIPS 2019.
    https://papers.nips.cc/paper/2019/hash/f7fa6aca028e7ff4ef62d75ed025fe76-Abstract.html

>>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, bias=False))
>>> _ = model[1].weight.data.copy_(torch.tensor([[1.0, 1, 0, 0], [0.0, 0, 1, 1]]))
>>> x = torch.tensor([[[[1.0, 0.5], [0.0, 0.25]]]])
>>> invariance(model, x, torch.tensor([0])).proved.tolist()
[True]
>>> invariance(model, x, torch.tensor([0]), transformation="shift").refuted.tolist()
[True]
"""

from collections.abc import Callable
from itertools import permutations, product
from typing import Literal

import torch
from jaxtyping import Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.certificate import Certificate
from cartograd.core.errors import UsageError, unknown
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import check_classes, check_each, check_takes
from cartograd.frontier.verification import certified
from cartograd.frontier.verification.amounts import over_amounts
from cartograd.frontier.verification.complete import served
from cartograd.frontier.verification.moves import Pictures, Way, moved, turned
from cartograd.frontier.verification.network import read

CARD = Card(
    name="invariance",
    kind="verifier",
    entry="invariance",
    nodes=("verify/invariance",),
    title="Invariance guarantees",
    zh="不变性保证",
    paper="Certifying geometric robustness of neural networks",
    year=2019,
    url="https://papers.nips.cc/paper/2019/hash/f7fa6aca028e7ff4ef62d75ed025fe76-Abstract.html",
    proofs=(
        "law: a network of circular convolutions and a global mean stands under every shift, its "
        "numbers to 1e-5, and one that looks at places does not: a picture refutes it",
        "law: no turned or moved picture of a dense grid leaves the boxes, nor is one answered "
        "otherwise where the range is proved; what refutes is such a picture",
    ),
    evidence={
        "verify/invariance": (
            "test_no_moved_picture_leaves_its_box",
            "test_ranges_of_angles_and_pixels_are_proved_or_refuted",
        )
    },
    tiny={"transformation": "flip"},
)

Transformation = Literal["flip", "shift", "order", "rotation", "translation"]
MOST = 5040
"""Elements of a group that are tried."""


def invariance(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    transformation: Transformation = "flip",
    degrees: float = 5.0,
    pixels: float = 1.0,
    branches: int = 1000,
) -> Certificate:
    """Whether the right class is answered for all that an example becomes.

    Args:
        model: gives logits.
        x: inputs in the units of the input port.
        y: the right classes.
        transformation: `flip` (left and right), `shift` (whole pixels, around the border), `order`
            (of the moments of a series), `rotation` or `translation` (any amount of a range).
        degrees: largest angle of `rotation`, either way.
        pixels: largest `shift` or `translation`, along rows and columns, either way.
        branches: the most intervals of a range that are looked at for an example.

    Raises:
        UsageError: the transformation does not fit the inputs or has too many elements, or the
            model has operations without a rule (of a range).
    """
    check_takes(model, x)
    check_each(y, x)
    signature = signature_if_any(model)
    if signature is not None and signature.task.attacked != "class":
        certified.check_classifier(model)
    if transformation in ("rotation", "translation"):
        _check_pictures(x, transformation)
        way = turned(degrees) if transformation == "rotation" else moved(pixels)
        return _of_range(model, x, y, way, branches)
    group = _group(x, transformation, pixels)
    with torch.inference_mode(False), torch.no_grad():
        return _of_group(model, x, y, group)


def _of_group(
    model: nn.Module, x: Tensor, y: Tensor, group: list[Callable[[Tensor], Tensor]]
) -> Certificate:
    """Each element is tried."""
    plain = certified.outputs(model, x).cpu()
    check_classes(y.cpu(), plain)
    found, size = x.detach().clone(), torch.full((len(x),), torch.inf).double()
    refuted, change = torch.zeros(len(x), dtype=torch.bool), 0.0
    for element in group:
        other = element(x.detach())
        answers = certified.outputs(model, other).cpu()
        change = max(change, float((answers - plain).abs().max()))
        fresh = (answers.argmax(1) != y.cpu()) & ~refuted
        found[fresh.to(x.device)] = other[fresh.to(x.device)]
        refuted |= fresh
        size = torch.minimum(size, certified.ahead(answers, y.cpu()))
    note = f"{len(group)} elements of the group, all tried; the logits change by {change:.3g} most"
    return Certificate(proved=~refuted, refuted=refuted, size=size, found=found, notes=(note,))


def _of_range(model: nn.Module, x: Tensor, y: Tensor, way: Way, branches: int) -> Certificate:
    """Intervals of a range, which are halved where bounds leave a question."""
    certified.check_classifier(model)
    signature = signature_if_any(model)
    bounds = signature.input.bounds if signature else None
    network = read(model, x)
    with torch.inference_mode(False), torch.no_grad():
        certified.check(network, model, x)
        check_classes(y.cpu(), certified.outputs(model, x))
        weights = certified.margins(y.cpu(), certified.raw_classes(model, x)).double()
        serve, found = served(model, x), x.detach().clone()
        proved, size = torch.zeros(len(x), dtype=torch.bool), torch.full((len(x),), -torch.inf)
        refuted, looked = proved.clone(), 0
        fill = 0.0 if bounds is None else float(bounds[0])
        for row, picture in enumerate(x.detach().double().cpu()):
            pictures = Pictures(picture, fill, way)
            verdict = over_amounts(pictures, weights[row], network, serve, branches)
            proved[row], size[row] = verdict.answer == "proved", verdict.least
            looked += verdict.parts
            if verdict.found is not None:
                refuted[row], found[row] = True, verdict.found.to(found)
    note = (
        f"every amount of the range, by bounds over {looked} intervals (bilinear, {fill:g} beyond "
        "the border)"
    )
    return Certificate(
        proved=proved, refuted=refuted, size=size.double(), found=found, notes=(note,)
    )


def _check_pictures(x: Tensor, what: str) -> None:
    if x.ndim != 4 or not x.is_floating_point():
        raise UsageError(
            f"{what} is of pictures (channels, rows, columns), and the inputs are {x.dtype} of "
            f"shape {tuple(x.shape[1:])}"
        )


def _group(x: Tensor, word: str, pixels: float) -> list[Callable[[Tensor], Tensor]]:
    """The elements of a finite group, each as a function.

    Raises:
        UsageError: it does not fit the inputs, or has too many elements.
    """
    if word == "flip":
        _check_pictures(x, word)
        return [lambda one: one, lambda one: one.flip(-1)]
    if word == "shift":
        _check_pictures(x, word)
        if pixels != int(pixels):
            raise UsageError(
                f"pixels={pixels} of a shift; expected a whole number (translation takes others)"
            )
        reach = range(-int(pixels), int(pixels) + 1)
        ways = list(product(reach, reach))
        _check_count(len(ways), word)
        return [lambda one, way=way: one.roll(way, (-2, -1)) for way in ways]
    if word == "order":
        if x.ndim not in (2, 3):
            raise UsageError(
                f"order is of series, and the inputs are of shape {tuple(x.shape[1:])}"
            )
        count = 1
        for moment in range(2, x.shape[1] + 1):
            count *= moment
            _check_count(count, f"order of {x.shape[1]} moments")
        orders = [list(one) for one in permutations(range(x.shape[1]))]
        return [lambda one, order=order: one[:, order] for order in orders]
    raise unknown("transformation", word, ("flip", "shift", "order", "rotation", "translation"))


def _check_count(count: int, what: str) -> None:
    if count > MOST:
        raise UsageError(f"{what} has more than {MOST} elements, too many to try them all")
