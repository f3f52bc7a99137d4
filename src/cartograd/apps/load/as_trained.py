"""Data of a source, read as those were that a model was trained on."""

from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

WHOLE = ("coco", "csv", "folder", "masks", "series", "text-folder", "wav", "yolo")
"""Sources of files that can be read without anything held back."""

OF_SERIES = ("target", "time", "by", "covariates", "known", "horizon", "season", "gaps", "twins",
             "calendar")  # fmt: skip
"""What a model of series knows of the table of its training."""


def as_trained(spec: Spec, model: Signature, part: str, /) -> dict[str, Any]:
    """What the source has to be told to be read as the model's own were.

    Args:
        spec: the source, with what it is told already.
        model: what the model takes and gives.
        part: of the data.
    """
    port, wanted = model.example, dict[str, Any]()
    if part == "all" and spec.name in WHOLE:  # nothing is held back, however few there are
        wanted |= {"valid": 0.0, "test": 0.0}
    if spec.name == "csv" and port.kind == "text":
        wanted["text"] = port.pair or (True if port.name == "text" else port.name)
    elif spec.name == "csv" and port.kind == "table":
        wanted["text"] = False
    elif spec.name in ("folder", "masks") and port.kind == "image":
        channels, height, width = port.dims
        sizes = {"channels": channels, "size": height} if height == width else {}
        wanted |= sizes | {"fit": port.fit}
        wanted |= {"bits": port.bits} if spec.name == "folder" else {}
    elif spec.name in ("coco", "yolo") and model.target == "boxes":
        wanted |= {"size": port.dims[1], "labels": model.output.labels}
    elif spec.name == "wav" and port.kind == "audio" and port.rate:
        length = port.dims[-1]
        seconds = {"seconds": length / port.rate} if isinstance(length, int) else {}
        wanted |= {"sample_rate": port.rate} | seconds
    elif spec.name == "series" and port.kind == "series" and port.timeline is not None:
        wanted |= {key: port.timeline.__dict__[key] for key in OF_SERIES}
        wanted["context"] = port.dims[1]
        _check_windows(spec, wanted)
    read = (spec.name, port.kind) in (("folder", "image"), ("wav", "audio"))
    if read and model.target == "class" and model.output.labels:
        wanted["labels"] = model.output.labels
    return {key: value for key, value in wanted.items() if key not in spec.args}


def _check_windows(spec: Spec, own: dict[str, Any]) -> None:
    """Refuse windows that are not those of the model, in words.

    Raises:
        UsageError: another horizon, or another past.
    """
    for name, told in (("horizon", "forecasts the next {}"), ("context", "looks back at {}")):
        given = spec.args.get(name, own[name])
        if given != own[name]:
            raise UsageError(
                f"the model {told.format(own[name])} steps, and {name}={given} is asked for; leave "
                f"it out, or train another with {name}={given}"
            )
