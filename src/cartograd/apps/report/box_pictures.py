"""Boxes as files: drawn on their picture, as JSON, and as YOLO's text, which can be read again."""

import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from cartograd.apps.report.theme import BLUE, RED
from cartograd.apps.results.answers import Answers
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.core.ports import Signature
from cartograd.core.system import twice

COLOURS = (RED, BLUE, "#2ca02c", "#ff7f0e", "#9467bd", "#17becf", "#8c564b", "#e377c2")
"""Of the classes in order; further ones begin again."""

SIDES = ("left", "top", "right", "bottom")


def write_boxes(out: Path, answers: Answers, signature: Signature, /) -> list[Path]:
    """Write the boxes of each picture: drawn (.png), as JSON, and as YOLO's text (.txt).

    Args:
        out: a file that ends in `.png` for a single picture, the others beside it; or a folder,
            where each is called as its source.
        answers: of a detector.
        signature: the detector's.

    Raises:
        UsageError: several pictures for one file, or two sources of one name.
    """
    if out.suffix and len(answers) > 1:
        raise UsageError(f"{len(answers)} pictures do not fit into {out}; expected a folder")
    names = [name for name, _ in answers.named]
    files = [out] if out.suffix else [out / f"{Path(name).stem}.png" for name in names]
    same = twice(map(str, files))
    if same is not None:
        raise UsageError(f"two pictures would be called {same[1]}; give them other names")
    labels, written = signature.output.labels, list[Path]()
    for file, name, answer in zip(files, names, answers, strict=True):
        boxes = answer["boxes"]
        if Path(name).is_file():  # what was given as numbers is not drawn
            written.append(write_file(file, drawn(Path(name), boxes, labels)))
        told = json.dumps(answer, ensure_ascii=False, indent=1)
        written.append(write_file(file.with_suffix(".json"), told.encode()))
        lines = "".join(f"{line(box, labels)}\n" for box in boxes)
        written.append(write_file(file.with_suffix(".txt"), lines.encode()))
    return written


def line(box: dict[str, Any], labels: tuple[str, ...], /) -> str:
    """A box as YOLO writes it: the class's number, its middle, width and height as shares.

    >>> box = {"label": "dog", "left": 0.0, "top": 0.25, "right": 0.5, "bottom": 1.0}
    >>> line(box, ("cat", "dog"))
    '1 0.250000 0.625000 0.500000 0.750000'
    """
    left, top, right, bottom = (box[side] for side in SIDES)
    kind = labels.index(box["label"]) if labels else int(box["label"])
    numbers = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    return " ".join([str(kind), *(f"{number:.6f}" for number in numbers)])


def drawn(file: Path, boxes: list[dict[str, Any]], labels: tuple[str, ...], /) -> bytes:
    """The picture as a PNG, with a rectangle for each box, its class and score at the corner."""
    import io

    with Image.open(file) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    pen = ImageDraw.Draw(image)
    width = max(1, round(min(image.size) / 150))
    for box in reversed(boxes):  # the surest on top
        left, top, right, bottom = (
            box[side] * extent for side, extent in zip(SIDES, image.size * 2, strict=True)
        )
        number = labels.index(box["label"]) if labels else int(box["label"])
        colour = COLOURS[number % len(COLOURS)]
        pen.rectangle((left, top, right, bottom), outline=colour, width=width)
        pen.text((left + width + 1, top + width), f"{box['label']} {box['score']:.0%}", fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
