"""What each operation of an exported graph does to the units that pass through it.

A rule takes an operation and its arguments (flows in the place of tensors) and gives the result's
flow. What has no rule lets nothing be cut before it.
"""

import torch

from cartograd.practice.compression.flow import Flow
from cartograd.practice.compression.flow_call import Call, Rule
from cartograd.practice.compression.flow_layers import (
    attention,
    batch_norm,
    convolution,
    embedding,
    group_norm,
    linear,
    matmul,
    normalised,
    prelu,
    recurrent,
)  # fmt: skip
from cartograd.practice.compression.flow_views import (
    along_dims,
    cast,
    gated,
    gathered,
    indexed,
    joined,
    made,
    passed,
    pointwise,
    reduced,
    resized,
    unknown,
    viewed,
)  # fmt: skip

RULES: dict[str, Rule] = {
    **dict.fromkeys(("linear",), linear),
    **dict.fromkeys(("matmul", "bmm", "mm", "addmm", "baddbmm"), matmul),
    **dict.fromkeys(
        (
            *(f"conv{n}d" for n in (1, 2, 3)), *(f"conv_transpose{n}d" for n in (1, 2, 3)),
        ),
        convolution,
    ),
    **dict.fromkeys(("batch_norm", "instance_norm"), batch_norm),
    "group_norm": group_norm,
    **dict.fromkeys(("layer_norm", "rms_norm"), normalised),
    "embedding": embedding,
    "scaled_dot_product_attention": attention,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), recurrent),
    "prelu": prelu,
    "glu": gated,
    **dict.fromkeys(("gather", "take_along_dim"), gathered),
    **dict.fromkeys(("cat", "concat", "stack"), joined),
    "index": indexed,
    **dict.fromkeys(
        (
            *(f"{a}{kind}_pool{n}d" for a in ("", "adaptive_") for kind in ("max", "avg")
              for n in (1, 2, 3)),
            "pad", "constant_pad_nd", "upsample_nearest2d", "upsample_bilinear2d",
            "replication_pad2d",
            "reflection_pad2d", "upsample_nearest1d", "upsample_bicubic2d", "interpolate",
            "reflection_pad1d", "replication_pad1d",
        ),
        resized,
    ),
    **dict.fromkeys(
        ("mean", "sum", "amax", "amin", "max", "min", "var", "std", "logsumexp", "argmax", "prod",
         "any", "all", "linalg_vector_norm", "norm"),
        reduced,
    ),
    **dict.fromkeys(
        ("softmax", "log_softmax", "_softmax", "_log_softmax", "cumsum", "cumprod"), along_dims
    ),
    **dict.fromkeys(
        ("dropout", "dropout_", "feature_dropout", "alpha_dropout", "bernoulli"), passed
    ),
    **dict.fromkeys(
        ("to", "_to_copy", "contiguous", "clone", "detach", "detach_", "alias", "type_as",
         "lift_fresh_copy", "float", "double"),
        cast,
    ),
    **dict.fromkeys(
        ("view", "reshape", "_unsafe_view", "permute", "transpose", "t", "numpy_T", "mT", "adjoint",
         "unsqueeze", "squeeze", "expand", "expand_as", "select", "slice", "narrow", "split",
         "split_with_sizes", "chunk", "unbind", "flip", "roll", "repeat", "repeat_interleave",
         "flatten", "unflatten", "movedim", "swapaxes", "unfold", "pixel_shuffle",
         "pixel_unshuffle", "channel_shuffle", "view_as", "reshape_as", "broadcast_to"),
        viewed,
    ),
    **dict.fromkeys(
        ("zeros", "ones", "full", "arange", "eye", "empty", "new_zeros", "new_ones", "new_full",
         "new_empty", "zeros_like", "ones_like", "full_like", "scalar_tensor", "linspace",
         "rand", "randn", "rand_like", "randn_like", "empty_like", "tensor"),
        made,
    ),
}  # fmt: skip
"""Rules by the names of torch's operations; besides these, all that it marks as pointwise."""


def rule_of(call: Call, /) -> Rule:
    """The rule of an operation: by its name, or one of those that work number by number."""
    if call.name in ("max", "min") and isinstance(call.get(1), Flow):
        return pointwise
    usual = pointwise if torch.Tag.pointwise in call.target.tags else unknown
    return RULES.get(call.name, usual)
