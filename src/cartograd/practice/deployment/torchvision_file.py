"""A file of torchvision: a convolutional network's weights under torchvision's names.

Which of torchvision's networks the model is follows from its settings and its layers; one that it
has not is refused, and what differs is said. The file is a state dict in safetensors:

    net = torchvision.models.get_model(NETWORK, num_classes=K)
    net.load_state_dict(safetensors.torch.load_file(FILE))
    net((x - mean) / std) = model(x)

Names of classes, sizes of pictures, mean and std have no place in a state dict. They stand in the
file's header, where `torchvision:FILE` finds them.

Departures: GoogLeNet and Inception v3 have auxiliary heads in torchvision unless one says
aux_logits=False; ours have them if the model was made with them.

References:
    The PyTorch team. torchvision: models and pre-trained weights. Since 2016.
    https://docs.pytorch.org/vision/stable/models.html

>>> from tempfile import TemporaryDirectory
>>> from cartograd.architectures.pretrained.torchvision import torchvision
>>> from cartograd.core.build import build
>>> from cartograd.core.ports import Port, Signature
>>> picture = Port("image", "image", (3, 96, 96), bounds=(0.0, 1.0))
>>> signature = Signature((picture,), (Port("class", "label", (2,)),))
>>> model = build("efficientnet-b0", signature=signature)
>>> with TemporaryDirectory() as folder:
...     torchvision(torchvision_file(model, f"{folder}/any.safetensors")).spec.name
'efficientnet'
"""

import json
from pathlib import Path

from torch import nn

from cartograd.architectures.pretrained.networks_back import network_of
from cartograd.architectures.pretrained.torchvision import NETWORKS
from cartograd.core.at_work import scratch_folder
from cartograd.core.card import Card
from cartograd.core.files import write_file
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.engine.files.tensor_files import write_tensors

CARD = Card(
    name="torchvision-file",
    kind="exporter",
    entry="torchvision_file",
    aliases=("torchvision",),
    nodes=("deploy/export",),
    title="File of torchvision's weights",
    zh="导出为 torchvision 权重文件",
    paper="torchvision",
    year=2016,
    url="https://docs.pytorch.org/vision/stable/models.html",
    proofs=(
        "oracle: torchvision loads networks of every family, the same logits to 1e-5",
        "law: read back, weights, ports and settings are those that were written",
    ),
)


def torchvision_file(model: nn.Module, path: str | Path, /) -> Path:
    """Write a network's weights under torchvision's names.

    The file is written whole or not at all, and the model is left as it is.

    Args:
        model: a convolutional network, made by name, with a signature.
        path: the file to write; an older one of the name is replaced.

    Raises:
        UsageError: the model has no signature, torchvision has no such network (what differs), or
            the file cannot be written.
    """
    signed = model if isinstance(model, Signed) else sign(model, signature_of(model))
    network, tensors = network_of(signed, NETWORKS, library="torchvision")
    about = {
        "format": "pt", "network": network,
        "signature": json.dumps(signed.signature.to_json(), ensure_ascii=False),
    }  # fmt: skip
    with scratch_folder() as (folder, _):
        write_tensors(folder / "weights", tensors, about=about)
        return write_file(path, (folder / "weights").read_bytes())
