r"""Files of timm's convolutional networks: a state dict under timm's names.

The file's name tells the network (`tf_efficientnet_lite0-0aa007d2.pth`), or `model=` does. ResNet,
DenseNet and Inception v3 have torchvision's names there too. VGG keeps its dense layers as
convolutions over 7x7 places, EfficientNet has names of its own, and those that Google trained
(`tf_...`) see their images padded as TensorFlow does.

A folder as timm keeps it on Hugging Face (config.json beside model.safetensors) says by itself
which network it is, how its pictures are standardised and what its classes are called.

Shapes: images `b 3 y x` in [0, 1]; logits `b k`, with ImageNet's names where there are 1,000.

References:
    Ross Wightman. PyTorch Image Models. 2019. https://github.com/huggingface/pytorch-image-models

>>> timm("no/such/resnet18.pth")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/resnet18.pth ...
"""

from pathlib import Path
from typing import Any

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
from cartograd.architectures.pretrained.timm_config import WEIGHTS, beside
from cartograd.architectures.pretrained.torchvision import KEYS as PLAIN
from cartograd.architectures.pretrained.torchvision import tensors_of
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op, Table
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec

CARD = Card(
    name="timm",
    kind="weights",
    entry="timm",
    nodes=("transfer/pretrain-finetune",),
    title="A file of timm's weights",
    zh="timm 权重文件",
    paper="PyTorch Image Models",
    year=2019,
    url="https://github.com/huggingface/pytorch-image-models",
    proofs=(
        "oracle: files of every family from timm itself with random weights, the same logits to "
        "1e-6; folders with keys of config.json changed one by one are equal, or refused by name",
    ),
)

FLAT = Op(lambda weight: weight.flatten(1), lambda weight: weight[:, :, None, None])
"""A convolution over all places as a dense layer (the way back is for 1x1)."""

SEVEN = Op(FLAT.there, lambda weight: weight.unflatten(1, (-1, 7, 7)))
"""The same of 7x7 places."""

SAME: Table = ((r"(.*)", r"\1"),)
"""Names that are ours."""

VGG: Table = (
    (r"features\.(.*)", r"features.\1"),
    (r"pre_logits\.fc1\.weight", "classifier.0.weight", SEVEN),
    (r"pre_logits\.fc1\.bias", "classifier.0.bias"),
    (r"pre_logits\.fc2\.weight", "classifier.3.weight", FLAT),
    (r"pre_logits\.fc2\.bias", "classifier.3.bias"),
    (r"head\.fc\.(.*)", r"classifier.6.\1"),
)


def efficientnet(*, lite: bool) -> Table:
    """The key map of EfficientNet, stage by stage: ours count the stem as stage 0."""
    rows: list[tuple[Any, ...]] = [
        (r"conv_stem\.(.*)", r"features.0.0.\1"),
        (r"bn1\.(.*)", r"features.0.1.\1"),
        (r"conv_head\.(.*)", r"features.8.0.\1"),
        (r"bn2\.(.*)", r"features.8.1.\1"),
        (r"classifier\.(.*)", r"classifier.1.\1"),
    ]
    for stage in range(7):
        steps = ["conv_dw"] + ([] if lite else ["se"])
        steps = [*steps, "conv_pw"] if stage == 0 else ["conv_pw", *steps, "conv_pwl"]
        norm = 0
        for number, step in enumerate(steps):
            theirs, ours = rf"blocks\.{stage}\.(\d+)", rf"features.{stage + 1}.\1.block.{number}"
            if step == "se":
                rows.append((rf"{theirs}\.se\.conv_reduce\.(.*)", rf"{ours}.fc1.\2"))
                rows.append((rf"{theirs}\.se\.conv_expand\.(.*)", rf"{ours}.fc2.\2"))
                continue
            norm += 1
            rows.append((rf"{theirs}\.{step}\.(.*)", rf"{ours}.0.\2"))
            rows.append((rf"{theirs}\.bn{norm}\.(.*)", rf"{ours}.1.\2"))
    return tuple(rows)


NETWORKS: dict[str, dict[str, Any]] = (
    {f"resnet{depth}": {"last": "fc"} for depth in (18, 34, 50, 101, 152)}
    | {name: {"last": "fc"} for name in ("resnext50_32x4d", "resnext101_32x8d")}
    | {name: {"last": "fc"} for name in ("wide_resnet50_2", "wide_resnet101_2")}
    | {f"densenet{depth}": {"last": "classifier"} for depth in (121, 161, 169, 201)}
    | {f"vgg{depth}": {"last": "head.fc", "keys": VGG} for depth in (11, 13, 16, 19)}
    | {f"vgg{depth}_bn": {"last": "head.fc", "keys": VGG} for depth in (11, 13, 16, 19)}
    | {"inception_v3": {"last": "fc", "size": 299, "mean": HALF, "std": HALF}}
    | {
        f"{google}efficientnet_{form}": {
            "last": "classifier",
            "keys": efficientnet(lite="lite" in form),
            "args": {"same_padding": True, "eps": 1e-3} if google else {"eps": 1e-5},
        }
        | ({"mean": HALF, "std": HALF} if google and "lite" in form else {})
        for google in ("", "tf_")
        for form in [f"b{n}" for n in range(8)] + [f"lite{n}" for n in range(5)]
    }
)  # fmt: skip
"""What is to be known of each: the last layer, the key map, arguments, size, standardisation."""

NEWER = ".ra4_"
"""In the name of files of a recipe that standardises pixels to -1..1."""

SIZES = {
    "b1": 240, "b2": 260, "b3": 300, "b4": 380, "b5": 456, "b6": 528, "b7": 600,
    "lite1": 240, "lite2": 260, "lite3": 300, "lite4": 380,
}  # fmt: skip
"""Pixels at which Google's EfficientNets are used."""


def timm(path: str | Path, /, *, model: str | None = None) -> Signed:
    """A network of timm with the weights of a file.

    Args:
        path: a `.pth` or `.safetensors` file, or a folder with config.json and model.safetensors.
        model: timm's name of the network, where the file's name does not begin with it.

    Raises:
        UsageError: the file cannot be read, its network is unknown, or a tensor does not fit.
    """
    file = Path(path) / WEIGHTS if Path(path).is_dir() else Path(path)
    said = beside(file)
    tensors = counted(tensors_of(file))
    name = named(path, NETWORKS, model or said.network or None)
    known = NETWORKS[name]
    classes = classes_of(tensors, f"{known['last']}.weight", path)
    if said.classes not in (None, classes):
        raise UsageError(
            f"{file.parent}: config.json: num_classes={said.classes}, and the last layer gives "
            f"{classes} answers; which is right?"
        )
    heads = any(key.startswith("AuxLogits.") for key in tensors)
    args = known.get("args", {}) | ({"aux_logits": True} if heads else {})
    newer = {"mean": HALF, "std": HALF} if NEWER in Path(path).name else {}
    how = {"mean": MEAN, "std": STD} | {k: known[k] for k in ("mean", "std") if k in known} | newer
    how |= said.statistics or {}
    size = said.size or known.get("size", SIZES.get(name.rpartition("_")[2], 224))
    return filled(
        Spec(name.removeprefix("tf_"), args),
        signature(size, classes, labels=said.labels, **how),
        tensors,
        known.get("keys", PLAIN),
        source=str(path),
    )
