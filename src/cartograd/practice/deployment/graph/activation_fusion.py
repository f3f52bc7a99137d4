"""Activation fusion: a GELU that was spelled out becomes the operation of that name.

    x/2 (1 + erf(x / sqrt(2)))                           gelu
    x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))        its approximation by tanh

Five to eight passes over the memory become one. The products are known in any order; the standard
has the operation from its version 20 on, and an older file keeps its form.

References:
    Dan Hendrycks, Kevin Gimpel. Gaussian error linear units. 2016.
    https://arxiv.org/abs/1606.08415
"""

import math
from typing import Any

from cartograd.practice.deployment.graph.graph import Graph

SINCE = 20
"""The version of the standard operations that has it."""

NEAR = 1e-3
"""How far a constant may be from the formula's, as a share: files round 0.044715 and sqrt(2/pi)."""


def activation_fusion(graph: Graph, /) -> bool:
    """Name each GELU.

    Args:
        graph: is changed; what nothing takes any more is left to `dead_nodes`.

    Returns:
        Whether there was any.
    """
    changed = False
    for node in list(graph.nodes) if graph.opset >= SINCE else ():
        if node.op_type != "Mul":
            continue
        scale, factors = product(graph, node.output[0])
        if not _near(scale, 0.5) or len(factors) != 2:
            continue
        for x, bent in (factors, factors[::-1]):
            if (way := _bend(graph, x, bent)) is not None:
                made = graph.node("Gelu", [x], list(node.output), approximate=way)
                graph.replace(node, made)
                changed = True
                break
    return changed


def product(graph: Graph, name: str, /) -> tuple[float, list[str]]:
    """A value as a number times others; quotients by a number count, whole powers as well.

    A value that is taken elsewhere too is a factor as it is, for it has to be computed anyway.
    """
    scale, factors, open_ = 1.0, list[str](), [name]
    while open_:
        one = open_.pop()
        node, number = graph.makers.get(one), graph.number(one)
        own = one == name or graph.alone(one) is not None
        if number is not None:
            scale *= number
        elif node is not None and own and node.op_type == "Mul":
            open_ += node.input
        elif node is not None and own and node.op_type == "Div" and (
            by := graph.number(node.input[1])
        ):  # fmt: skip
            scale /= by
            open_.append(node.input[0])
        elif node is not None and own and node.op_type == "Pow" and (
            graph.number(node.input[1]) in (2, 3)
        ):  # fmt: skip
            open_ += [node.input[0]] * int(graph.number(node.input[1]) or 0)
        else:
            factors.append(one)
    return scale, sorted(factors)


def _bend(graph: Graph, x: str, bent: str) -> str | None:
    """`none` or `tanh` where a value is 1 + erf or 1 + tanh of what GELU takes of x."""
    inner = _other(graph, bent, 1.0)
    node = graph.makers.get(inner or "")
    if node is None or node.op_type not in ("Erf", "Tanh"):
        return None
    scale, factors = product(graph, node.input[0])
    if node.op_type == "Erf":
        return "none" if factors == [x] and _near(scale, 1 / math.sqrt(2)) else None
    if len(factors) != 1 or not _near(scale, math.sqrt(2 / math.pi)):
        return None
    added = graph.makers.get(factors[0])
    if added is None or added.op_type != "Add" or x not in added.input:
        return None
    cubic = next((one for one in added.input if one != x), x)
    scale, factors = product(graph, cubic)
    return "tanh" if factors == [x, x, x] and _near(scale, 0.044715) else None


def _other(graph: Graph, name: str, number: float) -> str | None:
    """What a number is added to."""
    node: Any = graph.makers.get(name)
    if node is None or node.op_type != "Add":
        return None
    for place, one in enumerate(node.input):
        value = graph.number(one)
        if value is not None and _near(value, number):
            return str(node.input[1 - place])
    return None


def _near(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= NEAR * wanted
