r"""EfficientNet-lite0 as Google trained it on ImageNet.

A network of 4.65 million weights that knows a thousand things on photos, in the form for phones.
It was trained in TensorFlow: strided convolutions pad the end of the image, batch normalisation
adds 1e-3 to the variance, and pixels go from -127/128 to 128/128.

Shapes: images `b 3 y x` in [0, 1], of 224 pixels; logits `b 1000`.

References:
    Renjie Liu. Higher accuracy on vision models with EfficientNet-Lite. TensorFlow blog, 2020.
    https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html

>>> efficientnet_lite0("no/such/file")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/file ...
"""

from pathlib import Path
from typing import Any

from cartograd.architectures.cnn.efficientnet import STAGES
from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.imagenet import classes_of, counted, signature
from cartograd.architectures.pretrained.pickled import pickled
from cartograd.core.card import Card
from cartograd.core.key_map import Table
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.store import packages

CARD = Card(
    name="efficientnet-lite0-imagenet",
    kind="weights",
    entry="efficientnet_lite0",
    nodes=("arch/efficientnet", "transfer/pretrain-finetune"),
    title="EfficientNet-lite0, trained on ImageNet",
    zh="EfficientNet-lite0 的 ImageNet 预训练权重",
    paper="Higher accuracy on vision models with EfficientNet-Lite",
    year=2020,
    url="https://blog.tensorflow.org/2020/03/"
    "higher-accuracy-on-vision-models-with-efficientnet-lite.html",
    proofs=(
        "oracle: timm's tf_efficientnet_lite0 with the same weights, the same logits to 1e-4 on "
        "photos",
        "law: scikit-image's cat, cup, camera and rocket are classes 285, 967, 872 and 657",
    ),
    evidence={
        "transfer/pretrain-finetune": (
            "acceptance:fine-tuning",
            "test_the_published_weights_in_timms_network",
        ),
    },
)

SPEC = Spec("efficientnet-lite0", {"same_padding": True})
SHIFT = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}


def keys() -> Table:
    """The key map: blocks are counted through there, and stage by stage here."""
    rows: list[tuple[Any, ...]] = [
        (r"_conv_stem\.(.*)", r"features.0.0.\1"),
        (r"_bn0\.(.*)", r"features.0.1.\1"),
        (r"_conv_head\.(.*)", r"features.8.0.\1"),
        (r"_bn1\.(.*)", r"features.8.1.\1"),
        (r"_fc\.(.*)", r"classifier.1.\1"),
    ]
    places = [(stage, place) for stage, row in enumerate(STAGES, 1) for place in range(row[-1])]
    for number, (stage, place) in enumerate(places):
        steps = ["_expand_conv", "_depthwise_conv", "_project_conv"][stage == 1 :]
        for part, step in enumerate(steps):
            theirs, ours = rf"_blocks\.{number}", f"features.{stage}.{place}.block.{part}"
            norm = part + (stage == 1)
            rows.append((rf"{theirs}\.{step}\.(.*)", rf"{ours}.0.\1"))
            rows.append((rf"{theirs}\._bn{norm}\.(.*)", rf"{ours}.1.\1"))
    return tuple(rows)


def efficientnet_lite0(path: str | Path | None = None, /) -> Signed:
    """EfficientNet-lite0 with its published weights.

    Args:
        path: the `.pth` file; that of the store if not given.

    Raises:
        UsageError: the set has not been fetched, or the file is damaged or of another model.
    """
    file = Path(path) if path is not None else packages.where(CARD.name) / "efficientnet-lite0.pth"
    tensors = counted(pickled(file))
    classes = classes_of(tensors, "_fc.weight", file)
    return filled(
        SPEC,
        signature(224, classes, mean=SHIFT["mean"], std=SHIFT["std"]),
        tensors,
        keys(),
        source=str(file),
    )
