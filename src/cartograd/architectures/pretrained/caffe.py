r"""Files under the names that the authors of AlexNet, VGG and GoogLeNet gave in Caffe.

The networks of 2012 to 2014 were published as Caffe models, and converted files keep the layers'
names: `conv1.weight`, `conv3_2.bias`, `inception_4c/5x5_reduce.weight`. They are the papers' own
forms: AlexNet in two towers, GoogLeNet with true 5x5 branches and without batch normalisation.
Caffe reads pictures as blue, green, red from 0 to 255, less the mean; the map turns the first
kernels round, and the signature does the rest.

Shapes: images `b 3 y x` in [0, 1]; logits `b k`, with ImageNet's names where there are 1,000.

References:
    Yangqing Jia et al. Caffe: convolutional architecture for fast feature embedding. 2014.
    https://arxiv.org/abs/1408.5093

>>> caffe("no/such/vgg16.safetensors")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/vgg16.safetensors ...
"""

from pathlib import Path
from typing import Any

from cartograd.architectures.cnn.googlenet import MODULES
from cartograd.architectures.cnn.vgg import GROUPS
from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.imagenet import classes_of, named, signature
from cartograd.architectures.pretrained.torchvision import tensors_of
from cartograd.core.card import Card
from cartograd.core.key_map import Op, Table
from cartograd.core.signed import Signed

CARD = Card(
    name="caffe",
    kind="weights",
    entry="caffe",
    nodes=("transfer/pretrain-finetune",),
    title="A file of weights under the papers' names (Caffe)",
    zh="论文原名（Caffe）权重文件",
    paper="Caffe: convolutional architecture for fast feature embedding",
    year=2014,
    url="https://arxiv.org/abs/1408.5093",
    proofs=(
        "law: the first kernels see blue, green and red from 0 to 255 less the mean; every tensor "
        "of the papers' names has its place",
    ),
)

TURNED = Op(lambda weight: weight.flip(1), lambda weight: weight.flip(1))
"""Blue, green, red become red, green, blue."""

DENSE: Table = (
    (r"fc6\.(.*)", r"classifier.1.\1"),
    (r"fc7\.(.*)", r"classifier.4.\1"),
    (r"fc8\.(.*)", r"classifier.6.\1"),
)
ALEXNET: Table = (
    (r"conv1\.weight", "features.0.weight", TURNED),
    (r"conv1\.bias", "features.0.bias"),
    *((rf"conv{n}\.(.*)", rf"features.{i}.\1") for n, i in ((2, 4), (3, 8), (4, 10), (5, 12))),
    *DENSE,
)


def vgg(depth: int, /) -> Table:
    """The key map of VGG: convolutions are counted group by group."""
    rows: list[tuple[Any, ...]] = [(r"conv1_1\.weight", "features.0.weight", TURNED)]
    place = 0
    for group, count in enumerate(GROUPS[depth], start=1):
        for number in range(1, count + 1):
            rows.append((rf"conv{group}_{number}\.(.*)", rf"features.{place}.\1"))
            place += 2  # the nonlinearity
        place += 1  # the pooling
    for name, layer in (("fc6", 0), ("fc7", 3), ("fc8", 6)):
        rows.append((rf"{name}\.(.*)", rf"classifier.{layer}.\1"))
    return tuple(rows)


def googlenet() -> Table:
    """The key map of GoogLeNet, with the side heads if the file has them."""
    rows: list[tuple[Any, ...]] = [
        (r"conv1/7x7_s2\.weight", "conv1.conv.weight", TURNED),
        (r"conv1/7x7_s2\.bias", "conv1.conv.bias"),
        (r"conv2/3x3_reduce\.(.*)", r"conv2.conv.\1"),
        (r"conv2/3x3\.(.*)", r"conv3.conv.\1"),
        (r"loss3/classifier\.(.*)", r"fc.\1"),
    ]
    branches = {
        "1x1": "branch1", "3x3_reduce": "branch2.0", "3x3": "branch2.1",
        "5x5_reduce": "branch3.0", "5x5": "branch3.1", "pool_proj": "branch4.1",
    }  # fmt: skip
    for name in MODULES:
        for theirs, ours in branches.items():
            rows.append((rf"inception_{name}/{theirs}\.(.*)", rf"inception{name}.{ours}.conv.\1"))
    for number in (1, 2):
        rows.append((rf"loss{number}/conv\.(.*)", rf"aux{number}.conv.conv.\1"))
        rows.append((rf"loss{number}/fc\.(.*)", rf"aux{number}.fc1.\1"))
        rows.append((rf"loss{number}/classifier\.(.*)", rf"aux{number}.fc2.\1"))
    return tuple(rows)


NETWORKS: dict[str, dict[str, Any]] = {
    "alexnet": {"spec": "alexnet-2012", "last": "fc8", "keys": ALEXNET, "size": 227},
    "googlenet": {"spec": "googlenet-2014", "last": "loss3/classifier", "keys": googlenet()},
} | {f"vgg{depth}": {"spec": f"vgg{depth}", "last": "fc8", "keys": vgg(depth)} for depth in GROUPS}
MEAN = tuple(value / 255 for value in (123.68, 116.779, 103.939))
STD = (1 / 255,) * 3


def caffe(path: str | Path, /, *, model: str | None = None) -> Signed:
    """A network in its paper's form with the weights of a file.

    Args:
        path: a `.safetensors` or `.pth` file, layers named as in Caffe.
        model: alexnet, googlenet, vgg16, ..., where the file's name does not begin with it.

    Raises:
        UsageError: the file cannot be read, its network is unknown, or a tensor does not fit.
    """
    tensors = tensors_of(path)
    known = NETWORKS[named(path, NETWORKS, model)]
    classes = classes_of(tensors, f"{known['last']}.weight", path)
    heads = "-auxiliary" if any(name.startswith("loss1/") for name in tensors) else ""
    return filled(
        known["spec"] + heads,
        signature(known.get("size", 224), classes, mean=MEAN, std=STD),
        tensors,
        known["keys"],
        source=str(path),
    )
