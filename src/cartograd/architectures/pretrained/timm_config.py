"""config.json beside a file of timm's weights: which network it is, and how its pictures are seen.

Each key is read, told (how a picture is scaled and cut, which ours does its own way), harmless, or
refused by its name unless it is null, false or empty.

References:
    Ross Wightman. PyTorch Image Models, `PretrainedCfg` and `save_config_for_hf`. 2019.
    https://github.com/huggingface/pytorch-image-models
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.architectures.pretrained.published_config import KINDS, read_object, shown, typed
from cartograd.core.errors import UsageError

FILE, WEIGHTS = "config.json", "model.safetensors"

READ = {
    "architecture": "word", "num_classes": "count", "label_names": "words?", "global_pool": "word",
    "pretrained_cfg": "table", "model_args": "table",
}  # fmt: skip
"""Keys of the file that are read, and their types."""

SEEN = {
    "mean": "numbers", "std": "numbers", "input_size": "sizes", "num_classes": "count",
    "label_names": "words?", "architecture": "word",
}  # fmt: skip
"""Keys of `pretrained_cfg` that are read."""

TOLD = {"interpolation": ("bilinear",), "crop_pct": (1, 1.0), "crop_mode": ("center",)}
"""How timm scales and cuts pictures, and what ours does."""

SMALL = 64
"""Pixels up to which our networks begin with another layer than timm's."""

HARMLESS = (
    "num_features", "label_descriptions", "url", "file", "hf_hub_id", "hf_hub_filename", "source",
    "tag", "custom_load", "test_input_size", "min_input_size", "fixed_input_size", "pool_size",
    "test_pool_size", "test_crop_pct", "first_conv", "classifier", "license", "description",
    "origin_url", "paper_name", "paper_ids", "notes",
)  # fmt: skip
"""Keys that change no answer to a tensor of the right size."""


@dataclass(frozen=True)
class Seen:
    """What a configuration says.

    Attributes:
        network: timm's name; empty if nothing is said.
        classes: how many; None if nothing is said.
        labels: their names, if they have any.
        size: height and width of the pictures; None if nothing is said.
        statistics: `mean` and `std`, as far as they are said.
    """

    network: str = ""
    classes: int | None = None
    labels: tuple[str, ...] = ()
    size: int | None = None
    statistics: Mapping[str, tuple[float, ...]] | None = None


def beside(file: Path, /) -> Seen:
    """What stands in the config.json beside a file of weights; nothing, if there is none.

    Raises:
        UsageError: the file is damaged, or asks for what ours does not do.
    """
    path = file.with_name(FILE)
    if file.name != WEIGHTS or not path.is_file():
        return Seen()
    said = read_object(path)
    own = said.get("pretrained_cfg", {})
    _check(path, said, READ)
    if said.get("global_pool", "avg") not in ("avg", ""):
        raise _strange(path, "global_pool", said["global_pool"], "avg")
    for key, value in said.get("model_args", {}).items():
        if value not in (None, False, {"in_chans": 3, "global_pool": "avg"}.get(key)):
            raise _strange(path, f"model_args: {key}", value, "no such key")
    _check(path, own, SEEN | dict.fromkeys(TOLD, ""))
    counts = {one["num_classes"] for one in (said, own) if "num_classes" in one}
    labels = tuple(said.get("label_names") or own.get("label_names") or ())
    if len(counts) > 1 or (labels and counts and counts != {len(labels)}):
        raise UsageError(
            f"{path}: num_classes={shown(sorted(counts))} and {len(labels)} label_names; which is "
            "right?"
        )
    _tell(path, own)
    return Seen(
        said.get("architecture", own.get("architecture", "")).partition(".")[0],
        counts.pop() if counts else None,
        labels,
        own["input_size"][1] if "input_size" in own else None,
        {key: tuple(map(float, own[key])) for key in ("mean", "std") if key in own},
    )


def _check(path: Path, said: Mapping[str, Any], known: Mapping[str, str]) -> None:
    for key, value in said.items():
        kind = known.get(key, "")
        if kind == "numbers":
            numbers = isinstance(value, list) and all(KINDS["number"][0](one) for one in value)
            if not numbers or len(value) != 3 or (key == "std" and min(value) <= 0):
                raise _strange(path, key, value, "three numbers")
        elif kind == "sizes":
            fine = isinstance(value, list) and len(value) == 3 and value[1] == value[2]
            large = fine and KINDS["count"][0](value[1]) and value[1] > SMALL
            if not large or value[0] != 3:
                raise _strange(path, key, value, f"[3, N, N] with N above {SMALL}")
        elif kind:
            typed(str(path), key, value, kind)
        elif key not in (*known, *HARMLESS) and value not in (None, False, 0, "", [], {}):
            raise _strange(path, key, value, "null")


def _tell(path: Path, own: Mapping[str, Any]) -> None:
    """That pictures of other sizes are brought to size otherwise than by timm."""
    other = [f"{key}={own[key]}" for key, ours in TOLD.items() if own.get(key, ours[0]) not in ours]
    if other:
        warnings.warn(
            f"{path}: {', '.join(other)}: pictures are scaled here bilinearly until they cover the "
            "size; answers to tensors are timm's, those to photos differ a little",
            stacklevel=5,
        )


def _strange(path: Path, key: str, value: Any, expected: str) -> UsageError:
    return UsageError(f"{path}: {key}={shown(value)} is not known here; expected {expected}")
