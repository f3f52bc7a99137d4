"""Answers as pictures: a restored one or a mask for each source, forecasts in a PNG."""

from pathlib import Path

import torch

from cartograd.apps.report.box_pictures import write_boxes
from cartograd.apps.report.forecast_picture import check_picture, forecast_picture
from cartograd.apps.report.mask_pictures import write_masks
from cartograd.apps.report.pictures import png, shades
from cartograd.apps.results.answers import Answers
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.core.ports import Signature
from cartograd.core.system import twice


def check_out(out: Path, signature: Signature, /) -> None:
    """Refuse to write what are no pictures, before they are made.

    Raises:
        UsageError: the model answers with something else, or the file is no PNG.
    """
    if signature.task.name == "forecast":
        check_picture(out)
        return
    pictured = signature.target in ("whole", "boxes") or signature.task.of_pixels
    if not pictured:
        raise UsageError(
            f"out={out} is for models that restore pictures, give masks, find boxes or forecast; "
            "this one "
            f"answers the task {signature.task.name!r}; leave it out, or print --json or --csv"
        )
    if out.suffix and out.suffix.lower() != ".png":
        raise UsageError(f"{out} would be of an unknown kind; expected a .png file or a folder")


def write_out(out: Path, answers: Answers, signature: Signature, /) -> list[Path]:
    """Write what a model of pictures or of series answers.

    Args:
        out: a file that ends in `.png`, or (of pictures) a folder.
        answers: what is drawn.
        signature: the model's.

    Raises:
        UsageError: see `check_out` and `write_restored`.
    """
    if signature.task.name == "forecast":
        return [forecast_picture(out, answers, signature.output.name)]
    if signature.task.of_pixels:
        return write_masks(out, answers, signature)
    if signature.target == "boxes":
        return write_boxes(out, answers, signature)
    return write_restored(out, answers, signature)


def write_restored(out: Path, answers: Answers, signature: Signature, /) -> list[Path]:
    """Write pictures, each whole or not at all.

    Args:
        out: a file that ends in `.png`, for a single one; or a folder, where each is called as its
            source.
        answers: of a model that restores pictures.
        signature: the model's.

    Raises:
        UsageError: several pictures for one file, or two sources of one name.
    """
    check_out(out, signature)
    if out.suffix:
        if len(answers) > 1:
            raise UsageError(f"{len(answers)} pictures do not fit into {out}; expected a folder")
        files = [out]
    else:
        files = [out / f"{Path(name).stem}.png" for name, _ in answers.named]
    same = twice(map(str, files))
    if same is not None:
        raise UsageError(f"two pictures would be called {same[1]}; give them other names")
    pictures = [torch.tensor(one["example"]) for one in answers]
    return [
        write_file(file, png(shades(picture, signature.output)))
        for file, picture in zip(files, pictures, strict=True)
    ]
