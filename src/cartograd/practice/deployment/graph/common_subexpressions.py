"""Common subexpressions: what is computed several times from the same is computed once.

    f(a, b) and f(a, b) with the same attributes are one value

In the order of the graph each node is looked up by what it does and takes, after those before it
were made one; so equal branches of any depth become one. Equal small constants are one, too.
"""

from collections.abc import Hashable
from typing import Any

from cartograd.practice.deployment.graph.constant_folding import RANDOM
from cartograd.practice.deployment.graph.graph import Graph, inside

SMALL = 4096
"""Bytes of constants that are compared."""


def common_subexpressions(graph: Graph, /) -> bool:
    """Let equal values be one.

    Args:
        graph: is changed; what nothing takes any more is left to `dead_nodes`.

    Returns:
        Whether there was any.
    """
    changed = _constants(graph)
    seen, same = dict[Hashable, Any](), dict[str, str]()
    for node in graph.nodes:
        if node.op_type in RANDOM or any(inside(node)):
            continue
        said = tuple(sorted(one.SerializeToString(deterministic=True) for one in node.attribute))
        given = tuple(same.get(name, name) for name in node.input)
        key = node.domain, node.op_type, given, said, tuple(map(bool, node.output))
        first = seen.setdefault(key, node)
        if first is node or graph.answers.intersection(node.output):
            continue
        for mine, its in zip(node.output, first.output, strict=True):
            same |= {mine: its} if mine else {}
    return graph.rename(same) or changed


def _constants(graph: Graph) -> bool:
    """Let equal small constants be one."""
    from onnx import numpy_helper

    seen, same = dict[Hashable, str](), dict[str, str]()
    for one in graph.kept.values():
        value = numpy_helper.to_array(one)
        if value.nbytes > SMALL or one.name in graph.given or value.dtype == object:
            continue
        first = seen.setdefault((str(value.dtype), value.shape, value.tobytes()), one.name)
        if first != one.name:
            same[one.name] = first
    return graph.rename(same)
