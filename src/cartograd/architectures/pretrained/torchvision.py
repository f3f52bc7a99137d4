r"""Files of torchvision's convolutional networks: a state dict under torchvision's names.

The file's name tells the network (`resnet50-0676ba61.pth`, `vgg16_bn.safetensors`), or `model=`
does: `torchvision:FILE,model=resnet50`. Our networks have torchvision's parameter names, so the
map is nearly the identity; old files of DenseNet have a dot more, and very old ones lack the
counters of batch normalisation. A `.pth` file is read with weights_only=True: no code in it is run.
What `export --to torchvision` wrote says in its header which network it is, and what it takes and
gives.

Shapes: images `b 3 y x` in [0, 1]; logits `b k`, with ImageNet's names where there are 1,000.

References:
    The PyTorch team. torchvision: models and pre-trained weights.
    https://docs.pytorch.org/vision/stable/models.html

>>> torchvision("no/such/resnet18.pth")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/resnet18.pth ...
"""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.imagenet import (
    HALF,
    MEAN,
    STD,
    classes_of,
    counted,
    named,
    signature,
)  # fmt: skip
from cartograd.architectures.pretrained.pickled import pickled
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.files.tensor_files import read_about, read_tensors

CARD = Card(
    name="torchvision",
    kind="weights",
    entry="torchvision",
    nodes=("transfer/pretrain-finetune",),
    title="A file of torchvision's weights",
    zh="torchvision 权重文件",
    proofs=(
        "oracle: files of every family from torchvision itself with random weights, the same "
        "logits to 1e-6",
    ),
)

GOOGLE = {"mean": HALF, "std": HALF}
"""torchvision turns its own standardisation into this one inside of these two networks."""

NETWORKS: dict[str, dict[str, Any]] = (
    {name: {"last": "fc"} for name in ("resnet18", "resnet34", "resnet50", "resnet101")}
    | {name: {"last": "fc"} for name in ("resnet152", "resnext50_32x4d", "resnext101_32x8d")}
    | {name: {"last": "fc"} for name in ("wide_resnet50_2", "wide_resnet101_2")}
    | {"alexnet": {"last": "classifier.6"}}
    | {
        f"vgg{depth}{bn}": {"last": "classifier.6"}
        for depth in (11, 13, 16, 19)
        for bn in ("", "_bn")
    }
    | {f"densenet{depth}": {"last": "classifier"} for depth in (121, 161, 169, 201)}
    | {f"efficientnet_b{n}": {"last": "classifier.1", "args": {"eps": 1e-5}} for n in range(5)}
    | {f"efficientnet_b{n}": {"last": "classifier.1"} for n in (5, 6, 7)}
    | {"googlenet": {"last": "fc"} | GOOGLE}
    | {"inception_v3": {"last": "fc", "size": 299} | GOOGLE}
)
"""What is to be known of each: the last layer, further arguments, size and standardisation."""

SIZES = {"efficientnet_b1": 240, "efficientnet_b2": 288, "efficientnet_b3": 300} | {
    "efficientnet_b4": 380, "efficientnet_b5": 456, "efficientnet_b6": 528, "efficientnet_b7": 600,
}  # fmt: skip
"""Pixels at which EfficientNets are used; all others at 224 or as said above."""

KEYS = (
    (r"(.*denselayer\d+\.(?:norm|conv))\.([12])\.(\w+)", r"\1\2.\3"),
    (r"(.*)", r"\1"),
)


def torchvision(path: str | Path, /, *, model: str | None = None) -> Signed:
    """A network of torchvision with the weights of a file.

    Args:
        path: a `.pth` or `.safetensors` file.
        model: torchvision's name of the network, where the file's name does not begin with it.

    Raises:
        UsageError: the file cannot be read, its network is unknown, or a tensor does not fit.
    """
    tensors, said = counted(tensors_of(path)), read_about(Path(path))
    name = named(path, NETWORKS, model or said.get("network"))
    known = NETWORKS[name]
    classes = classes_of(tensors, f"{known['last']}.weight", path)
    heads = any(key.startswith(("aux1.", "AuxLogits.")) for key in tensors)
    args = known.get("args", {}) | ({"aux_logits": True} if heads else {})
    ports = _told(said.get("signature", ""), path) or signature(
        known.get("size", SIZES.get(name, 224)), classes,
        mean=known.get("mean", MEAN), std=known.get("std", STD),
    )  # fmt: skip
    return filled(Spec(name, args), ports, tensors, KEYS, source=str(path))


def _told(text: str, path: str | Path) -> Signature | None:
    """What the network takes and gives, if the file says so.

    Raises:
        UsageError: what it says is damaged.
    """
    if not text:
        return None
    try:
        return Signature.from_json(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}: the signature in its header is damaged: {error}") from error


def tensors_of(path: str | Path, /) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file, or of a `.pth` file without running its code.

    Raises:
        UsageError: the file is missing or damaged, or holds something else.
    """
    file = Path(path)
    held = read_tensors(file) if file.suffix == ".safetensors" else pickled(file)
    inside = held.get("state_dict", held)
    return inside if isinstance(inside, dict) else held
