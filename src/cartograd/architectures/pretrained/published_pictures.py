"""preprocessor_config.json of models of pictures: how pixels become numbers.

References:
    Hugging Face: transformers 5.23, `ViTImageProcessor`.
    https://huggingface.co/docs/transformers/model_doc/vit
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cartograd.architectures.pretrained.published_config import KINDS, read_object, shown
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port

FILE = "preprocessor_config.json"

HALF = 0.5
"""Mean and standard deviation where the file says nothing."""

BILINEAR = 2
"""Pillow's number for the way that pictures are brought to their size."""

HARMLESS = (
    "image_processor_type", "feature_extractor_type", "processor_class", "do_resize",
    "do_convert_rgb", "return_tensors", "data_format", "input_data_format", "device",
    "disable_grouping",
)  # fmt: skip
"""Keys that change no number of a picture of the right size."""


def standardised(folder: Path, config: Mapping[str, Any], /) -> dict[str, Any]:
    """`image_mean` and `image_std` of each channel; empty where pixels are left as they are.

    Raises:
        UsageError: the file is damaged, or asks for what ours does not do.
    """
    file, channels, size = folder / FILE, config["num_channels"], config["image_size"]
    said = read_object(file) if file.is_file() else {}
    for key, value in said.items():
        told = _expected(key, value, channels, size)
        if told:
            raise UsageError(f"{file}: {key}={shown(value)} is not known here; expected {told}")
    if said.get("do_normalize") is False:
        return {"image_mean": (), "image_std": ()}
    return {
        key: tuple(map(float, said.get(key) or (HALF,) * channels))
        for key in ("image_mean", "image_std")
    }


def said(port: Port, /) -> dict[str, Any]:
    """What the file says of a port of pictures: the way back."""
    channels, height, width = port.dims
    how = {"image_mean": list(port.mean), "image_std": list(port.std)}
    how = {
        key: numbers * (1 if len(numbers) != 1 else int(channels)) for key, numbers in how.items()
    }
    return {
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "resample": BILINEAR,
        "size": {"height": height, "width": width}, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": bool(port.mean), **(how if port.mean else {}),
    }  # fmt: skip


def _expected(key: str, value: Any, channels: int, size: int) -> str:
    """What was expected of a key; empty where the value will do."""
    exact: dict[str, tuple[Any, ...]] = {
        "do_rescale": (True,), "resample": (BILINEAR,), "do_normalize": (True, False),
        "size": ({"height": size, "width": size}, size),
    }  # fmt: skip
    if key in HARMLESS or value is None:
        return ""
    if key in ("image_mean", "image_std"):
        numbers = isinstance(value, list) and all(KINDS["number"][0](one) for one in value)
        positive = numbers and (key == "image_mean" or min(value, default=0) > 0)
        return "" if positive and len(value) == channels else f"{channels} numbers"
    if key == "rescale_factor":
        same = KINDS["number"][0](value) and math.isclose(value, 1 / 255, rel_tol=1e-6)
        return "" if same else "1/255"
    if key in exact:
        return "" if value in exact[key] else shown(exact[key][0])
    return "" if value is False else "null"
