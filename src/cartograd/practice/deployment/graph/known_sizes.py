"""Known sizes: a size that a graph asks of a value is asked of its inputs, or is a number.

    shape(x)[start:end] = (sizes)        sizes: numbers, and letters that an input of the graph has
    (a, b, c)[1:2] = b                   of sizes that were put together

An exporter asks each layer's values for their sizes anew. All of them are made of few sizes of the
inputs; once they are asked in one way, what is computed from them (masks, positions) is equal in
all layers, and `common_subexpressions` makes it one.
"""

from typing import Any

import numpy as np

from cartograd.practice.deployment.graph.graph import Dims, Graph, attribute

FAR = 1 << 30
"""An end beyond all dimensions."""


def known_sizes(graph: Graph, /) -> bool:
    """Ask for sizes in one way.

    Args:
        graph: is changed; what nothing takes any more is left to `dead_nodes`.

    Returns:
        Whether there was any.
    """
    dims, changed = graph.dims(), False
    letters = _letters(graph)
    for node in list(graph.nodes):
        if node.op_type == "Shape" and attribute(node, "start", 0) >= 0:
            changed |= _asked(graph, node, dims, letters)
        elif node.op_type == "Slice":
            changed |= _cut(graph, node, dims)
    return changed


def _letters(graph: Graph) -> dict[str, tuple[str, int]]:
    """Of each letter the input of the graph and its dimension that have it first."""
    found: dict[str, tuple[str, int]] = {}
    for one in graph.proto.graph.input:
        if one.name in graph.kept:
            continue
        for place, dim in enumerate(one.type.tensor_type.shape.dim):
            if dim.dim_param:
                found.setdefault(dim.dim_param, (one.name, place))
    return found


def _asked(
    graph: Graph, node: Any, dims: dict[str, Dims], letters: dict[str, tuple[str, int]]
) -> bool:
    """Replace the question for a value's sizes by what is known of them."""
    whole = dims.get(node.input[0])
    if whole is None:
        return False
    wanted = whole[attribute(node, "start", 0) : attribute(node, "end", FAR)]
    if not wanted or any(dim is None or (dim not in letters and isinstance(dim, str))
                         for dim in wanted):  # fmt: skip
        return False
    cut = all(one.op_type == "Slice" for one in graph.takers.get(node.output[0], ()))
    if len(wanted) > 1 and not cut and any(isinstance(dim, str) for dim in wanted):
        return False  # all sizes at once are asked for in one node
    if len(wanted) == 1 and isinstance(wanted[0], str):
        source, place = letters[wanted[0]]
        if node.input[0] == source and attribute(node, "start", 0) == place:
            return False  # it is asked so already
    parts, made = [], []
    for dim in wanted:
        if isinstance(dim, str):
            source, place = letters[dim]
            parts.append(graph.fresh("size"))
            made.append(graph.node("Shape", [source], [parts[-1]], start=place, end=place + 1))
        else:
            parts.append(graph.keep(np.array([dim], dtype=np.int64)))
    kind = "Concat" if len(parts) > 1 else "Identity"
    more = {"axis": 0} if len(parts) > 1 else {}
    graph.replace(node, *made, graph.node(kind, parts, list(node.output), **more))
    return True


def _cut(graph: Graph, node: Any, dims: dict[str, Dims]) -> bool:
    """Replace a part of sizes that were put together by those that are meant."""
    whole = graph.makers.get(node.input[0])
    if whole is None or whole.op_type != "Concat":
        return False
    numbers = [graph.constant(name) for name in node.input[1:] if name]
    if len(numbers) < 2 or any(one is None or one.size != 1 for one in numbers):
        return False
    if any(dims.get(name) != (1,) for name in whole.input):
        return False
    bounds = [int(one.reshape(())) for one in numbers if one is not None]
    if bounds[2:3] not in ([], [0]) or bounds[3:4] not in ([], [1]):
        return False
    wanted = list(whole.input)[bounds[0] : bounds[1]]
    if not wanted:
        return False
    kind, more = ("Concat", {"axis": 0}) if len(wanted) > 1 else ("Identity", {})
    graph.replace(node, graph.node(kind, wanted, list(node.output), **more))
    return True
