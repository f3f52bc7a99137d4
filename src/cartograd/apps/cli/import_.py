"""Write published weights as a bundle, which every other command reads."""

from pathlib import Path
from typing import Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.following import following
from cartograd.apps.cli.names import naming


def import_(
    spec: Annotated[str, naming("weights")], folder: Path, /, *, json: bool = False
) -> None:
    """Write published weights as a bundle, which every other command reads.

    Args:
        spec: hf:FOLDER (config.json and *.safetensors), or a name of `cartograd list weights`.
        folder: the bundle to make.
        json: print one object.
    """
    from cartograd.apps.answers import units
    from cartograd.apps.load.pretrained import import_ as write
    from cartograd.engine.files.bundle import load

    made = load(write(spec, folder))
    size = sum(file.stat().st_size for file in made.path.iterdir())
    model = None if made.spec is None else str(made.spec)
    if json:
        told = {"path": made.path, "model": model, "size": size, "digest": made.digest}
        output.emit(told | {"parameters": made.about["parameters"]})
        return
    output.lines(
        [
            ("written", str(made.path)),
            ("model", model or ""),
            ("parameters", f"{made.about['parameters']:,}"),
            ("size", units.size(size)),
            *following("serve", made.path),
        ]
    )
