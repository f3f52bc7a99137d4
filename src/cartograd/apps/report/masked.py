"""Masks: the figures of each class, and the pictures that are answered worst."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.report.mask_pictures import overlay
from cartograd.apps.report.parts import Section, Table, Tile, table, tiles
from cartograd.apps.report.pictures import image
from cartograd.apps.results import of_pixels
from cartograd.core.eval_mode import evaluating
from cartograd.core.ports import Port
from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Examples
from cartograd.engine.device.visit import visiting

if TYPE_CHECKING:
    from cartograd.apps.results.evaluation import Evaluation

SHOWN = 6
"""Pictures that are shown."""


def masked(examples: Examples, found: "Evaluation") -> Section | None:
    """A row for each class, and the worst pictures; nothing where what was measured kept no counts.

    Args:
        examples: what was answered.
        found: what came of that.
    """
    classes, seen = found.classes, found.seen
    if not classes or seen is None:
        return None
    ours = of_pixels.counts(examples.signature, found.intervals, found.outputs, found.targets)
    assert ours is not None
    each = of_pixels.of_each(ours)
    order = each.argsort(stable=True)[:SHOWN]
    rows = table(Table(list(of_pixels.HEAD), [one.row() for one in classes]))
    body = rows + tiles(_tiles(seen.model, examples, order, each))
    lead = (
        f"Intervals are made from pictures. Below are the {len(order)} pictures of the lowest IoU: "
        "as they are, under their masks, and under the answers; the first class is clear, as "
        "is what has no label."
    )
    return Section("masks", "Class by class", lead, body)


def _tiles(model: Signed, examples: Examples, order: Tensor, each: Tensor) -> list[Tile]:
    some, device = examples.select(order), torch.device("cpu")
    with visiting(model, device), evaluating(model), torch.inference_mode():
        said = model(some.inputs).argmax(1)
    port, tinted = some.signature.input, Port("overlay", "image", (3, "y", "x"), bounds=(0.0, 1.0))
    found = []
    for x, true, answer, place in zip(some.inputs, some.targets, said, order.tolist(), strict=True):
        name = examples.name(place)
        shown = [
            image(x, port, alt=f"{name} as it is", label="picture"),
            image(overlay(x, true), tinted, alt=f"{name} under its mask", label="mask"),
            image(overlay(x, answer), tinted, alt=f"{name} under the answer", label="answer"),
        ]
        found.append(Tile(tuple(shown), caption=f"{name}, IoU {units.percent(float(each[place]))}"))
    return found
