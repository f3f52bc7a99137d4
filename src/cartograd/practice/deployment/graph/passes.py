"""All passes over an ONNX graph, in rounds until none finds anything more."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from cartograd.practice.deployment.graph.activation_fusion import activation_fusion
from cartograd.practice.deployment.graph.attention_fusion import attention_fusion
from cartograd.practice.deployment.graph.batch_norm_folding import batch_norm_folding
from cartograd.practice.deployment.graph.common_subexpressions import common_subexpressions
from cartograd.practice.deployment.graph.constant_folding import constant_folding
from cartograd.practice.deployment.graph.dead_nodes import dead_nodes
from cartograd.practice.deployment.graph.graph import Graph
from cartograd.practice.deployment.graph.known_sizes import known_sizes

PASSES = (
    constant_folding, known_sizes, batch_norm_folding, common_subexpressions, activation_fusion,
    attention_fusion,
)  # fmt: skip

ROUNDS = 12
"""The most rounds of all passes; a few are enough."""


@dataclass(frozen=True)
class Optimised:
    """What became of a graph.

    Attributes:
        before, after: how many nodes of each operation there were, and are.
        opset: the versions of the standard operations before and after.
    """

    before: Counter[str]
    after: Counter[str]
    opset: tuple[int, int]

    def rows(self) -> list[tuple[str, str, str]]:
        """The operations whose number changed, and all together."""
        names = sorted({*self.before, *self.after}, key=lambda one: (-self.before[one], one))
        changed = [name for name in names if self.before[name] != self.after[name]]
        found = [(name, f"{self.before[name]}", f"{self.after[name]}") for name in changed]
        return [*found, ("all", f"{self.before.total()}", f"{self.after.total()}")]

    @property
    def sentence(self) -> str:
        """How many nodes it had and has, and the version, where that was raised."""
        before, after = self.opset
        raised = f"; operations of version {after} (it was {before})" if before != after else ""
        return f"{self.before.total()} nodes became {self.after.total()}{raised}"

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {"before": dict(self.before), "after": dict(self.after), "opset": list(self.opset)}


def passed(proto: Any, /) -> tuple[Any, Optimised]:
    """All passes over a model in memory: the model, and what became of it."""
    graph = Graph(proto)
    before, opset = graph.counts, graph.opset
    _constants(graph)
    for _ in range(ROUNDS):
        changed = False
        for one in PASSES:
            if one(graph):
                changed = True
                dead_nodes(graph)
        if not changed:
            break
    dead_nodes(graph)
    return graph.written(), Optimised(before, graph.counts, (opset, graph.opset))


def _constants(graph: Graph) -> None:
    """Constants that are nodes become constants of the graph."""
    from onnx import numpy_helper

    for node in list(graph.nodes):
        value = next((one.t for one in node.attribute if one.name == "value"), None)
        if node.op_type == "Constant" and value is not None and node.output[0] not in graph.answers:
            name = node.output[0]
            graph.kept[name] = numpy_helper.from_array(numpy_helper.to_array(value), name)
    graph.nodes = [one for one in graph.nodes if one.output[0] not in graph.kept]
    graph.refresh()
