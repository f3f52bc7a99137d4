"""ViT as Hugging Face keeps it (`model_type` vit): classifiers of images."""

from typing import Any

from cartograd.architectures.pretrained.published_head import classes, head_of, labels
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec

HEADS = {"ViTForImageClassification": "classify"}
"""Our head by the name of theirs."""

READS = {
    "image_size": "count", "patch_size": "count", "num_channels": "count", "hidden_size": "count",
    "num_hidden_layers": "count", "num_attention_heads": "count", "intermediate_size": "count",
    "layer_norm_eps": "number", "hidden_dropout_prob": "number",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "vit"
SIZES = {
    "size": "image_size", "channels": "num_channels", "patch_size": "patch_size",
    "dim": "hidden_size", "heads": "num_attention_heads", "depth": "num_hidden_layers",
    "ffn_dim": "intermediate_size", "eps": "layer_norm_eps", "dropout": "hidden_dropout_prob",
}  # fmt: skip
"""What our settings are called in config.json; both ways go by it."""

_LAYER = r"vit\.encoder\.layer\.(\d+)\."
flat = Op(lambda tensor: tensor.reshape(tensor.shape[-1]), lambda tensor: tensor[None, None])
"""One vector, kept as a batch of one sequence of one."""
rows = Op(lambda tensor: tensor.squeeze(0), lambda tensor: tensor[None])
"""Rows of vectors, kept as a batch of one."""

KEYS = (
    (r"vit\.embeddings\.cls_token", "class_token", flat),
    (r"vit\.embeddings\.position_embeddings", "positions", rows),
    (r"vit\.embeddings\.patch_embeddings\.projection\.(weight|bias)", r"patches.\1"),
    (_LAYER + r"layernorm_before\.(weight|bias)", r"blocks.\1.attention_norm.\2"),
    (
        _LAYER + r"attention\.attention\.(query|key|value)\.(weight|bias)",
        r"blocks.\1.attention.\2.\3",
    ),
    (_LAYER + r"attention\.output\.dense\.(weight|bias)", r"blocks.\1.attention.out.\2"),
    (_LAYER + r"layernorm_after\.(weight|bias)", r"blocks.\1.feed_forward_norm.\2"),
    (_LAYER + r"intermediate\.dense\.(weight|bias)", r"blocks.\1.feed_forward.up.\2"),
    (_LAYER + r"output\.dense\.(weight|bias)", r"blocks.\1.feed_forward.down.\2"),
    (r"vit\.layernorm\.(weight|bias)", r"norm.\1"),
    (r"vit\.pooler\..*", None),
    (r"classifier\.(weight|bias)", r"head.\1"),
)

MODULES = (
    (r"vit\.layers\.", "vit.encoder.layer."),
    (r"attention\.q_proj", "attention.attention.query"),
    (r"attention\.k_proj", "attention.attention.key"),
    (r"attention\.v_proj", "attention.attention.value"),
    (r"attention\.o_proj", "attention.output.dense"),
    (r"mlp\.fc1", "intermediate.dense"),
    (r"mlp\.fc2", "output.dense"),
)
"""What transformers 5 calls the modules, by which adapters go; its files keep the older names."""


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the folder's model is no classifier.
    """
    head_of(config, HEADS)
    args = {ours: config[theirs] for ours, theirs in SIZES.items()}
    return Spec(MODEL, args | {"classes": len(labels(config))})


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes: nothing.

    Raises:
        UsageError: the picture's edge is padded, which ViT elsewhere is not.
    """
    if args["size"] % args["patch_size"]:
        raise UsageError(
            f"size={args['size']} is no multiple of patch_size={args['patch_size']}: ours pads "
            "such pictures, and ViT elsewhere cuts them"
        )
    return {}


def signature(config: dict[str, Any], /) -> Signature:
    """An image in, classes out."""
    channels, size = config["num_channels"], config["image_size"]
    image = Port(
        "image", "image", (channels, size, size), bounds=(0.0, 1.0),
        mean=config["image_mean"], std=config["image_std"], fit="stretch",  # as ViTImageProcessor
    )  # fmt: skip
    return Signature((image,), (classes(config),))
