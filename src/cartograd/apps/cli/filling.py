"""Completing a picture by `cartograd generate --inpaint`."""

from pathlib import Path
from typing import Any

from cartograd.apps.cli import output
from cartograd.core.errors import UsageError

KINDS = (".png", ".npy")
"""What can be written."""

PLAIN = (None, (), "1", 1.0, None)
"""Prompt, sampler, guidance, truncation and temperature, where nothing is said of them."""


def filled(
    target: str,
    picture: Path | None,
    mask: Path | None,
    out: Path | None,
    /,
    *,
    count: int | None,
    others: tuple[Any, ...],
    json: bool,
    **asked: Any,
) -> int:
    """Make up a part of a picture, and write it: one in its own size, several in a grid.

    Raises:
        UsageError: something is missing, or was given that has no meaning here.
    """
    if picture is None or mask is None:
        missing = "--inpaint PICTURE" if picture is None else "--mask MASK"
        raise UsageError(f"{missing} is missing: a picture to complete comes with its mask")
    if others != PLAIN:
        raise UsageError(
            "inpainting is by the model's own way; leave out the prompt, --sampler, --guidance, "
            "--truncation and --temperature"
        )
    path = out or (Path(target) if Path(target).is_dir() else Path()) / "inpainted.png"
    if path.suffix.lower() not in KINDS:
        raise UsageError(f"{path} would be of another kind; expected a file in {', '.join(KINDS)}")
    from cartograd.apps.load.target import as_signed
    from cartograd.apps.report.samples import write_picture, write_samples
    from cartograd.apps.verbs.inpaint import inpaint

    model = as_signed(target)
    x = inpaint(model, picture, mask, count=1 if count is None else count, **asked)
    port = model.signature.example
    alone = len(x) == 1 and path.suffix.lower() == ".png"
    written = write_picture(path, port, x[0]) if alone else write_samples(path, port, x)
    if json:
        output.emit({"written": written, "examples": len(x), "completed": picture} | asked)
        return 0
    completed = f"{picture}, {len(x)} time{'s' * (len(x) > 1)}, seed {asked['seed']}"
    output.lines([("written", str(written)), ("completed", completed)])
    return 0
