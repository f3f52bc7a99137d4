"""Style transfer by `cartograd generate --content --style`."""

from pathlib import Path
from typing import Any

from cartograd.apps.cli import output
from cartograd.apps.cli.filling import KINDS, PLAIN
from cartograd.core.errors import UsageError


def styled(
    target: str,
    content: Path | None,
    style: Path | None,
    out: Path | None,
    /,
    *,
    others: tuple[Any, ...],
    unused: tuple[Any, ...],
    style_weight: float | None,
    seed: int | None,
    json: bool,
) -> int:
    """Make a picture with the content of one and the style of another, and write it.

    Raises:
        UsageError: something is missing, or was given that has no meaning here.
    """
    if content is None or style is None:
        missing = "--content PICTURE" if content is None else "--style PICTURE"
        raise UsageError(f"{missing} is missing: a style is of one picture, the content of another")
    if others != PLAIN or any(one is not None for one in unused):
        raise UsageError(
            "a style comes from a picture alone; leave out the prompt, --count, --class, "
            "--inpaint, --mask, --sampler, --guidance, --truncation and --temperature"
        )
    path = out or (Path(target) if Path(target).is_dir() else Path()) / "stylised.png"
    if path.suffix.lower() not in KINDS:
        raise UsageError(f"{path} would be of another kind; expected a file in {', '.join(KINDS)}")
    from cartograd.apps.report.samples import write_picture, write_samples
    from cartograd.apps.verbs.stylise import stylise
    from cartograd.generative.style.gatys import WEIGHT

    weight = WEIGHT if style_weight is None else style_weight
    made = stylise(target, content, style, style_weight=weight, seed=seed)
    x, port = made.picture, made.port
    png = path.suffix.lower() == ".png"
    written = write_picture(path, port, x) if png else write_samples(path, port, x[None])
    if json:
        output.emit({"picture": written, "seed": seed} | made.to_json())
        return 0
    numbers = ("style loss", "content cosine")
    output.table(("picture", *numbers), made.rows(), right=numbers)
    output.lines([("written", str(written)), ("style of", ", ".join(made.layers)),
                  ("content of", made.place)])  # fmt: skip
    return 0
