"""A folder of timm: a convolutional network with its config.json, as timm keeps it.

Which of timm's networks the model is follows from its settings and its layers; one that it has not
is refused, and what differs is said. The folder holds the weights under timm's names, and how
pictures are standardised, their size and the names of the classes:

    timm.create_model("local-dir:FOLDER", pretrained=True)((x - mean) / std) = model(x)

Departures: auxiliary heads, which only a training asks, are left out. timm trains with other
settings of its own, and a picture of another shape is brought to size by its own transforms.

References:
    Ross Wightman. PyTorch Image Models. 2019. https://github.com/huggingface/pytorch-image-models

>>> from tempfile import TemporaryDirectory
>>> from cartograd.architectures.pretrained.timm import timm
>>> from cartograd.core.build import build
>>> from cartograd.core.ports import Port, Signature
>>> picture = Port("image", "image", (3, 96, 96), bounds=(0.0, 1.0))
>>> signature = Signature((picture,), (Port("class", "label", (2,), labels=("cat", "dog")),))
>>> model = build("efficientnet-b0", signature=signature)
>>> with TemporaryDirectory() as folder:
...     timm(timm_folder(model, f"{folder}/b0")).signature.output.labels
('cat', 'dog')
"""

import json
from pathlib import Path
from typing import Any

from torch import nn

from cartograd.architectures.pretrained.networks_back import network_of
from cartograd.architectures.pretrained.timm import NETWORKS, SAME
from cartograd.architectures.pretrained.timm_config import FILE, SMALL, WEIGHTS
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.files import write_folder
from cartograd.core.key_map_inverse import written
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.engine.files.tensor_files import write_tensors

CARD = Card(
    name="timm-folder",
    kind="exporter",
    entry="timm_folder",
    aliases=("timm",),
    nodes=("deploy/export",),
    title="Folder of timm",
    zh="导出为 timm 文件夹",
    paper="PyTorch Image Models",
    year=2019,
    url="https://github.com/huggingface/pytorch-image-models",
    proofs=(
        "oracle: timm loads folders of every family by itself, the same logits to 1e-5",
        "law: read back, weights, ports and settings are those that were written",
    ),
)

HEADS = "AuxLogits."
"""Before the names of tensors that only a training asks."""


def timm_folder(model: nn.Module, path: str | Path, /) -> Path:
    """Write a network as a folder that timm loads.

    The folder is written whole or not at all, and the model is left as it is.

    Args:
        model: a convolutional network of square colour pictures, made by name, with a signature.
        path: the folder to make.

    Raises:
        UsageError: the model has no signature, timm has no such network (what differs), its
            pictures cannot be said, or the folder exists or cannot be written.
    """
    signed = model if isinstance(model, Signed) else sign(model, signature_of(model))
    network, tensors = network_of(signed, NETWORKS, library="timm")
    config = _said(network, signed.signature)
    theirs = written(
        {name: tensor for name, tensor in tensors.items() if not name.startswith(HEADS)},
        NETWORKS[network].get("keys", SAME), source="a folder of timm",
    )  # fmt: skip
    with write_folder(path) as folder:
        text = json.dumps(config, indent=1, ensure_ascii=False)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")
        write_tensors(folder / WEIGHTS, theirs, about={"format": "pt"})
    return Path(path)


def _said(network: str, signature: Signature) -> dict[str, Any]:
    """What config.json says."""
    port, answer = signature.input, signature.output
    _check(port)
    classes = answer.dims[-1]
    mean, std = (
        list(given * (3 if len(given) == 1 else 1)) or [usual] * 3
        for given, usual in ((port.mean, 0.0), (port.std, 1.0))
    )
    seen = {
        "input_size": list(port.dims), "interpolation": "bilinear", "crop_pct": 1.0,
        "crop_mode": "squash" if port.fit == "stretch" else "center", "mean": mean, "std": std,
        "num_classes": classes,
    }  # fmt: skip
    named = {"label_names": list(answer.labels)} if answer.labels else {}
    return {"architecture": network, "num_classes": classes, **named, "pretrained_cfg": seen}


def _check(port: Port) -> None:
    """Refuse pictures that config.json cannot say.

    Raises:
        UsageError: they are not square, are small, or have other numbers than from 0 to 1.
    """
    _, *sides = port.dims
    side = sides[0] if isinstance(sides[0], int) else 0
    if sides != [side, side] or side <= SMALL:
        raise UsageError(
            f"the pictures are of {sides}; a folder of timm is for square ones of more than {SMALL}"
            " pixels: --to torchvision, or --to onnx"
        )
    if port.bounds not in (None, (0.0, 1.0)):
        raise UsageError(
            f"the port {port.name!r} takes pixels within {port.bounds}; in a folder of timm they "
            "are within (0.0, 1.0)"
        )
