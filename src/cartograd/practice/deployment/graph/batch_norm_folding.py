"""Batch norm folding: a scale and a shift of channels behind a convolution go into its weights.

    g (W * x + b - m) / sqrt(v + eps) + h = (W s) * x + (b - m) s + h,   s = g / sqrt(v + eps)

In evaluation batch normalisation is such a scale and shift; the products are formed in float64. A
convolution whose value is taken elsewhere as well keeps its weights.

References:
    Benoit Jacob et al. Quantization and training of neural networks for efficient
    integer-arithmetic-only inference. 2018. https://arxiv.org/abs/1712.05877
"""

from typing import Any

import numpy as np

from cartograd.practice.deployment.graph.graph import Graph, attribute

CHANNELS = {"Conv": 0, "Gemm": 0}
"""Operations with weights, and the dimension of these that is the outputs'."""


def batch_norm_folding(graph: Graph, /) -> bool:
    """Put each batch normalisation behind a convolution into it.

    Args:
        graph: is changed; what nothing takes any more is left to `dead_nodes`.

    Returns:
        Whether there was any.
    """
    changed = False
    for norm in list(graph.nodes):
        if norm.op_type != "BatchNormalization" or attribute(norm, "training_mode", 0):
            continue
        before = graph.makers.get(norm.input[0])
        if before is None or graph.alone(norm.input[0]) is None or any(norm.output[1:]):
            continue
        changed |= _folded(graph, before, norm)
    return changed


def _folded(graph: Graph, before: Any, norm: Any) -> bool:
    """The two as one, where all weights are constants."""
    if before.op_type not in CHANNELS or not _plain(before):
        return False
    weight = graph.constant(before.input[1])
    own = [graph.constant(name) for name in norm.input[1:5]]
    has_bias = len(before.input) > 2 and bool(before.input[2])
    bias = graph.constant(before.input[2]) if has_bias else np.zeros(1)
    if weight is None or bias is None or any(one is None for one in own):
        return False
    gain, shift, mean, variance = (np.asarray(one, dtype=np.float64) for one in own)
    scale = gain / np.sqrt(variance + attribute(norm, "epsilon", 1e-5))
    if len(scale) != len(weight):
        return False
    dtype = weight.dtype
    wider = scale.reshape(-1, *[1] * (weight.ndim - 1))
    inputs = [
        before.input[0],
        graph.keep((weight * wider).astype(dtype), instead=before.input[1]),
        graph.keep(
            ((bias - mean) * scale + shift).astype(dtype),
            instead=before.input[2] if has_bias else "",
        ),
    ]
    made = graph.node(before.op_type, inputs, list(norm.output))
    made.attribute.extend(before.attribute)
    graph.replace(norm, made)
    return True


def _plain(node: Any) -> bool:
    """Whether the weights' first dimension is the outputs', and nothing scales the product."""
    if node.op_type == "Conv":
        return True
    scaled = attribute(node, "alpha", 1.0) != 1 or attribute(node, "beta", 1.0) != 1
    return bool(attribute(node, "transB", 0)) and not scaled
