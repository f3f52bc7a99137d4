"""Attention fusion: scaled products, a mask, softmax and a mean of values become one operation.

    softmax((a q) (b k)^T + mask) v = attention(q, k, v, mask; scale = a b)

It has the name Attention from version 23 of the standard operations on; an older file is raised to
it if every operation in it means the same there. Rows that may look nowhere are zero where the file
says so (it looks for what is no number, and puts a zero): the question moves behind the operation.

References:
    Ashish Vaswani et al. Attention is all you need. 2017. https://arxiv.org/abs/1706.03762
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cartograd.practice.deployment.graph.activation_fusion import product
from cartograd.practice.deployment.graph.graph import Dims, Graph, attribute

SINCE = 23
"""The version of the standard operations that has it."""

IR = 11
"""The version of the file format that goes with it."""


@dataclass(frozen=True)
class _Found:
    """An attention that was spelled out.

    Attributes:
        last: the product with the values.
        q, k, v: queries, keys (as `b h t d`) and values.
        scale: of the products.
        mask: what is added to them, if something is.
        guard: the questions for what is no number, and the zero that is put there.
    """

    last: Any
    q: str
    k: str
    v: str
    scale: float
    mask: str = ""
    guard: tuple[Any, ...] = ()


def attention_fusion(graph: Graph, /) -> bool:
    """Name each attention.

    Args:
        graph: is changed; what nothing takes any more is left to `dead_nodes`.

    Returns:
        Whether there was any.
    """
    dims, changed = graph.dims(), False
    for node in list(graph.nodes):
        if node.op_type != "Softmax":
            continue
        found = _found(graph, node, dims)
        if found is not None and (graph.opset >= SINCE or _raised(graph)):
            _fused(graph, found, dims)
            changed = True
    return changed


def _found(graph: Graph, softmax: Any, dims: dict[str, Dims]) -> _Found | None:
    """The attention that a softmax is part of."""
    weights, guard = softmax.output[0], tuple[Any, ...]()
    takers = graph.takers.get(weights, [])
    if {one.op_type for one in takers} == {"IsNaN", "Where"} and len(takers) == 2:
        asks, puts = sorted(takers, key=lambda one: one.op_type)
        zero = graph.number(puts.input[1])
        if puts.input[0] != asks.output[0] or puts.input[2] != weights or zero != 0:
            return None
        guard, weights = (asks, puts), puts.output[0]
    last = graph.alone(weights)
    if last is None or last.op_type != "MatMul" or last.input[0] != weights:
        return None
    scores, mask = _masked(graph, softmax.input[0])
    both = graph.makers.get(scores)
    if both is None or both.op_type != "MatMul" or attribute(softmax, "axis", -1) not in (-1, 3):
        return None
    a, left = product(graph, both.input[0])
    b, right = product(graph, both.input[1])
    keys = _turned(graph, right[0], dims) if len(right) == 1 else None
    if len(left) != 1 or keys is None or a * b <= 0:
        return None
    places = left[0], keys, last.input[1]
    if any(len(dims.get(one, ())) != 4 for one in places):
        return None
    return _Found(last, *places, a * b, mask, guard)


def _masked(graph: Graph, name: str) -> tuple[str, str]:
    """The products, and what is added to them."""
    node = graph.makers.get(name)
    if node is None or node.op_type != "Add" or graph.alone(name) is None:
        return name, ""
    for place, one in enumerate(node.input):
        maker = graph.makers.get(one)
        if maker is not None and maker.op_type == "MatMul" and graph.alone(one) is not None:
            return one, node.input[1 - place]
    return name, ""


def _turned(graph: Graph, name: str, dims: dict[str, Dims]) -> str | None:
    """The keys, of keys whose last two dimensions were exchanged: at once, or heads in a row."""
    node = graph.makers.get(name)
    if node is None:
        return None
    if node.op_type == "Transpose":
        return node.input[0] if list(attribute(node, "perm", ())) == [0, 1, 3, 2] else None
    inner = graph.makers.get(node.input[0]) if node.op_type == "Reshape" else None
    if inner is None or inner.op_type != "Transpose":
        return None
    first = graph.makers.get(inner.input[0])
    if first is None or first.op_type != "Reshape":
        return None
    whole, turned = dims.get(first.input[0], ()), dims.get(name, ())
    flat = dims.get(first.output[0], ())
    heads = list(attribute(inner, "perm", ())) == [0, 2, 1] and len(flat) == 3
    known = len(whole) == 4 and None not in whole and flat[1:] == whole[2:] if flat else False
    same = len(turned) == 4 and turned == (*whole[:2], *whole[:1:-1])
    return first.input[0] if heads and known and same else None


def _fused(graph: Graph, found: _Found, dims: dict[str, Dims]) -> None:
    """Put the operation in the place of the last of those that it stands for."""
    made, inputs = [], [found.q, found.k, found.v]
    if found.mask:
        made, mask = _as_wide(graph, found, dims)
        inputs.append(mask)
    answer = found.last.output[0]
    raw = graph.fresh("attention") if found.guard else answer
    made.append(graph.node("Attention", inputs, [raw], scale=found.scale))
    if found.guard:
        puts = found.guard[-1]
        nowhere = graph.fresh("nowhere")
        made.append(graph.node("IsNaN", [raw], [nowhere]))
        made.append(graph.node("Where", [nowhere, puts.input[1], raw], [answer]))
    graph.replace(found.last, *made)


def _as_wide(graph: Graph, found: _Found, dims: dict[str, Dims]) -> tuple[list[Any], str]:
    """The mask with a row for each query: runtimes do not repeat one row themselves."""
    mask, queries = dims.get(found.mask, ()), dims[found.q]
    if len(mask) >= 2 and mask[-2] is not None and mask[-2] == queries[2]:
        return [], found.mask
    rows, wide, name = graph.fresh("rows"), graph.fresh("wide"), graph.fresh("mask")
    one = graph.keep(np.array([1], dtype=np.int64))
    return [
        graph.node("Shape", [found.q], [rows], start=2, end=3),
        graph.node("Concat", [one, one, rows, one], [wide], axis=0),
        graph.node("Expand", [found.mask, wide], [name]),
    ], name


def _raised(graph: Graph) -> bool:
    """Raise the file to the version that has the operation; False where that cannot be done."""
    from onnx import defs

    for node in graph.nodes:
        if node.domain not in ("", "ai.onnx") or not _means_the_same(defs, node, graph.opset):
            return False
    graph.opset = SINCE
    graph.proto.ir_version = max(graph.proto.ir_version, IR)
    return True


def _means_the_same(defs: Any, node: Any, opset: int) -> bool:
    """Whether two versions of an operation take and give the same, but for types of numbers."""
    try:
        old, new = (defs.get_schema(node.op_type, version, "") for version in (opset, SINCE))
    except Exception:  # an operation that one of the two does not have
        return False
    shapes = [
        ([str(one.name) for one in schema.inputs], [str(one.name) for one in schema.outputs],
         {name: str(one.default_value) for name, one in schema.attributes.items()})
        for schema in (old, new)
    ]  # fmt: skip
    return old.since_version == new.since_version or shapes[0] == shapes[1]
