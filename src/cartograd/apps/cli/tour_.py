"""All of it on real digits, ending in a table and a report.

Trains, compares, evaluates, predicts, exports, serves, explains and attacks.
"""

from pathlib import Path
from typing import Annotated, Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Device, Seed
from cartograd.apps.cli.following import following
from cartograd.apps.cli.names import naming


def tour_(
    *,
    folder: Path = Path("tour"),
    data: Annotated[str, naming("data")] = "digits",
    model: Annotated[str, naming("model")] = "lenet5",
    epochs: int | None = None,
    seed: Seed = 0,
    device: Device = "auto",
    json: bool = False,
) -> None:
    """All of it on real digits, ending in a table and a report.

    Args:
        folder: where to; an earlier tour there is replaced.
        data: a source.
        model: a model with its arguments.
        epochs: how many times to go through the training data.
        seed: of all random numbers.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    from cartograd.apps.tour import tour

    def say(step: str, text: str) -> None:
        if text:
            output.note(f"{step:<9} {text}")

    options: dict[str, Any] = {"epochs": epochs, "seed": seed, "device": device}
    done = tour(folder, data=data, model=model, progress=True, say=say, **options)
    if json:
        where = {"folder": done.folder, "run": done.run, "report": done.report}
        output.emit(where | {"numbers": done.numbers, "seconds": done.seconds})
        return
    output.table(("what", "value", "remark"), [(x.name, x.value, x.remark) for x in done.rows])
    output.lines([("report", str(done.report)), ("run", str(done.run)), *following("learn")])
