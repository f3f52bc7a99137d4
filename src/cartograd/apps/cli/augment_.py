"""Write more texts with labels from those that there are: in other words, or translated and back.

The table that is written keeps the parts, and `train` reads it.
"""

from typing import Annotated, Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Seed, Written, with_target
from cartograd.apps.cli.following import following
from cartograd.apps.cli.names import naming
from cartograd.core.errors import UsageError


def augment_(
    data: Annotated[str, naming("data")],
    /,
    *,
    out: Written,
    target: str | None = None,
    method: Annotated[str, naming("augmentation")] = "back-translation:p=1",
    there: str | None = None,
    back: str | None = None,
    beams: int | None = None,
    sampler: tuple[str, ...] = (),
    temperature: float | None = None,
    copies: int = 1,
    seed: Seed = 0,
    json: bool = False,
) -> int:
    """Write more texts with labels from those that there are; `train` reads the table.

    Texts for training alone are changed. A column `split` keeps the parts: nothing that says what
    a text of the test says is learned from.

    Args:
        data: a table with a column of texts, or a folder of them, as of `train`.
        out: the table to write, a .csv.
        target: the column of the labels.
        method: an augmentation of texts, like eda or random-deletion:p=0.2.
        there: for back-translation, the run that translates into another language.
        back: the run that translates from there.
        beams: of their beam search, 4 if left out; 1 takes the likeliest token each time.
        sampler: draw their tokens instead: specs like top-p:p=0.9, as of `generate`.
        temperature: the short form of a sampler: below 1 more careful, above 1 bolder.
        copies: how often each text is changed.
        seed: of whatever is drawn.
        json: print one object.
    """
    from cartograd.apps.verbs.augment_texts import augment

    chain: list[Any] = [] if temperature is None else [f"temperature:temperature={temperature}"]
    source = with_target(data, target)
    if there == back and there is not None:
        raise UsageError(f"{there} cannot be both ways; give a run for each direction")
    done = augment(
        source, out, method=method, there=there, back=back, beams=beams,
        samplers=[*chain, *sampler], copies=copies, seed=seed or 0,
    )  # fmt: skip
    if json:
        output.emit(done.to_json())
        return 0
    learned = following("train", "--data", done.path, "--target", done.target)
    output.lines([*done.lines(), *learned])
    return 0
