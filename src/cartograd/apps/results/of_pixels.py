"""Masks: how well each class is told, and what a plain way reaches on the same pictures.

All of it comes from three counts of each picture and class (`practice/metrics/masks`), which an
evaluation keeps.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.results.baseline import Beside
from cartograd.core.ports import Signature
from cartograd.data.dataset.dataset import Examples

HEAD = ("class", "pixels", "IoU", "95 % interval", "Dice", "precision", "recall")
"""What `OfClass.row` holds."""

COUNTED = ("mask-iou", "dice")
"""Metrics that keep the counts."""

AT_ONCE = 64
"""Pictures whose threshold is looked for at once."""


@dataclass(frozen=True)
class OfClass:
    """One class of pixels.

    Attributes:
        label: its name.
        share: of the labelled pixels that are of it.
        iou: its IoU; 1 where it neither occurs nor is answered.
        low, high: the 95 % interval of that.
        dice: its Dice coefficient.
        precision: share of the pixels answered with it that are right.
        recall: share of its pixels that are found.
    """

    label: str
    share: float
    iou: float
    low: float
    high: float
    dice: float
    precision: float
    recall: float

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)

    def row(self) -> list[str]:
        """As the cells of a table."""
        ends = f"{units.percent(self.low)} to {units.percent(self.high)}"
        others = map(units.percent, (self.dice, self.precision, self.recall))
        return [self.label, units.percent(self.share), units.percent(self.iou), ends, *others]


def counts(
    signature: Signature, names: Iterable[str], outputs: Tensor, targets: Tensor, /
) -> Float[Tensor, "n m"] | None:
    """The counts of each picture; None where what was measured kept none.

    Args:
        signature: what the answers are.
        names: of the metrics that were measured, in order.
        outputs: what the evaluation kept: a few numbers for each, or the logits.
        targets: the masks.
    """
    from cartograd.practice.metrics import masks

    if not signature.task.of_pixels:
        return None
    if outputs.ndim == 4:
        return masks.of(outputs, targets)
    names, size = list(names), 3 * (signature.classes or 0)
    at = next((i for i, name in enumerate(names) if name.partition(":")[0] in COUNTED), None)
    width = outputs.shape[1] // max(1, len(names))
    if at is None or width != size:
        return None
    return outputs[:, at * width : (at + 1) * width]


def by_class(signature: Signature, found: Float[Tensor, "n m"] | None, /) -> list[OfClass]:
    """The figures of each class; none without counts."""
    from cartograd.core.build import build
    from cartograd.practice.metrics import masks, positions

    if found is None:
        return []
    right, said, true = (one.tolist() for one in masks.three(found.sum(0)))
    told = []
    for k, label in enumerate(_labels(signature)):
        measure = {"own": build(f"mask-iou:average=binary,positive={k}", kind="metric")}
        values, ends, _ = positions.figures(measure, found)
        both = said[k] + true[k]
        told.append(
            OfClass(
                label, true[k] / max(1.0, sum(true)), values["own"], *ends["own"],
                dice=2 * right[k] / both if both else 1.0,
                precision=right[k] / said[k] if said[k] else 0.0,
                recall=right[k] / true[k] if true[k] else 0.0,
            )
        )  # fmt: skip
    return told


def of_each(found: Float[Tensor, "n m"], /) -> Float[Tensor, " n"]:
    """The mean IoU of each picture by itself."""
    return _iou(found)


def against_class(signature: Signature, ours: Float[Tensor, "n m"] | None, /) -> Beside | None:
    """How masks compare with giving every pixel the class that most have, by mean IoU."""
    from cartograd.practice.metrics import masks

    if ours is None:
        return None
    _, _, true = masks.three(ours)
    most = int(true.sum(0).argmax())
    right, said = torch.zeros_like(true), torch.zeros_like(true)
    right[:, most], said[:, most] = true[:, most], true.sum(1)
    name = f'always "{_labels(signature)[most]}"'
    return against(name, torch.cat([right, said, true], 1), ours)


def against_threshold(
    signature: Signature, examples: Examples, ours: Float[Tensor, "n m"] | None, /
) -> tuple[tuple[Beside, ...], str]:
    """How masks of two classes compare with Otsu's threshold of each picture.

    Whether bright or dark pixels are the second class is chosen by these examples, which is an
    advantage for it.
    """
    from cartograd.practice.metrics import masks
    from cartograd.practice.yardsticks import otsu

    if ours is None:
        return (), ""
    if signature.classes != 2:
        return (), f"none: Otsu's threshold tells two classes, and these are {signature.classes}"
    sides: tuple[list[Tensor], list[Tensor]] = ([], [])
    for *inputs, targets in examples.batches(batch_size=AT_ONCE, shuffle=False).epoch(0, seed=0):
        inside = otsu.bright(inputs[0])
        for side, one in zip(sides, (inside, ~inside), strict=True):
            side.append(masks.of(otsu.answers(one), targets))
    rows = [torch.cat(side) for side in sides]
    best = max(rows, key=lambda one: float(_iou(one.sum(0))))
    which = "bright" if best is rows[0] else "dark"
    label = _labels(signature)[1]
    name = "Otsu's threshold"
    told = f"{name} of each picture: {which} pixels are {label!r}, whichever fits these better"
    return (against(name, best, ours),), told


def against(name: str, theirs: Float[Tensor, "n m"], ours: Float[Tensor, "n m"], /) -> Beside:
    """How masks compare with others of the same pictures, by mean IoU.

    Args:
        name: of the others.
        theirs: their counts of each picture.
        ours: those of the model.
    """
    from cartograd.practice.metrics.influence import of_sums, skewed

    values = [float(_iou(rows.sum(0))) for rows in (theirs, ours)]
    moves = of_sums(_iou, ours) - of_sums(_iou, theirs)
    low, high = skewed(values[1] - values[0], moves)
    text = f"{name} (mask IoU {100 * values[0]:.1f} %)"
    return Beside(name, "mask-iou", low, high, text, {"mask-iou": values[0]})


def _iou(sums: Float[Tensor, "... m"]) -> Float[Tensor, "..."]:
    from cartograd.practice.metrics.mask_iou import whole

    return whole(sums)


def _labels(signature: Signature) -> tuple[str, ...]:
    return signature.output.labels or tuple(map(str, range(signature.classes or 0)))
