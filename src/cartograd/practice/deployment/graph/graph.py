"""An ONNX graph as passes see it: who makes a value, who takes it, and what is constant."""

import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import numpy as np

LIGHT = 4096
"""Bytes of a constant whose numbers may say how large something is."""

Dims = tuple[int | str | None, ...]
"""Sizes of a value: a number, a letter for any size, or unknown."""


class Graph:
    """The graph of a model, which passes change; `written` gives the model back.

    Args:
        proto: the model, as `onnx.load` gives it.

    Attributes:
        nodes: in an order in which they can be computed.
        kept: constants by name.
        makers: of each value the node that makes it.
        takers: of each value the nodes that take it.
        given, answers: names of the inputs and the outputs.
    """

    def __init__(self, proto: Any, /):
        self.proto = proto
        self.nodes = [copy.deepcopy(one) for one in proto.graph.node]
        self.kept = {one.name: copy.deepcopy(one) for one in proto.graph.initializer}
        self.answers = {one.name for one in proto.graph.output}
        self.given = {one.name for one in proto.graph.input}
        self._numbers = count()
        self.refresh()

    def refresh(self) -> None:
        """Look again at who makes and takes each value, after nodes were changed."""
        self.makers = {name: node for node in self.nodes for name in node.output if name}
        self.takers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in set(taken(node)):
                self.takers.setdefault(name, []).append(node)

    def written(self) -> Any:
        """The model, with the nodes and constants that there are now."""
        graph = self.proto.graph
        del graph.node[:], graph.initializer[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(self.kept.values())
        described = [one for one in graph.value_info if one.name in self.makers]
        del graph.value_info[:]
        graph.value_info.extend(described)
        return self.proto

    @property
    def opset(self) -> int:
        """The version of the standard operations."""
        return next(one.version for one in self.proto.opset_import if one.domain in ("", "ai.onnx"))

    @opset.setter
    def opset(self, version: int) -> None:
        for one in self.proto.opset_import:
            if one.domain in ("", "ai.onnx"):
                one.version = version

    @property
    def counts(self) -> Counter[str]:
        """How many nodes there are of each operation."""
        return Counter(node.op_type for node in self.nodes)

    def constant(self, name: str, /) -> np.ndarray | None:
        """The numbers of a value, where they do not depend on the inputs."""
        from onnx import numpy_helper

        return numpy_helper.to_array(self.kept[name]) if self.is_constant(name) else None

    def is_constant(self, name: str, /) -> bool:
        """Whether a value's numbers depend on no input; an input with a default may."""
        return name in self.kept and name not in self.given

    def number(self, name: str, /) -> float | None:
        """A constant of a single number."""
        value = self.constant(name)
        return float(value.reshape(())) if value is not None and value.size == 1 else None

    def alone(self, name: str, /) -> Any:
        """The one node that takes a value, if there is but one and the value is no answer."""
        takers = self.takers.get(name, [])
        return takers[0] if len(takers) == 1 and name not in self.answers else None

    def keep(self, value: np.ndarray, /, *, instead: str = "") -> str:
        """A new constant; its name, which is that of another that only one node takes, if named."""
        from onnx import numpy_helper

        if instead in self.kept and len(self.takers.get(instead, ())) == 1:
            name = instead
        else:
            name = self.fresh("constant")
        self.kept[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def fresh(self, what: str, /) -> str:
        """A name that nothing has."""
        known = {*self.makers, *self.kept, *self.given, *self.takers}
        return next(name for n in self._numbers if (name := f"{what}_{n}_made") not in known)

    def node(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
        """A new node, to be put where it belongs."""
        from onnx import helper

        return helper.make_node(kind, inputs, outputs, **attributes)

    def replace(self, old: Any, /, *new: Any) -> None:
        """Put nodes in the place of one."""
        place = next(i for i, node in enumerate(self.nodes) if node is old)
        self.nodes[place : place + 1] = new
        self.refresh()

    def rename(self, new: Mapping[str, str], /) -> bool:
        """Let all that takes a value take another; whether there was any. Answers stay as named."""
        wanted = {one: new[one] for one in new if one not in self.answers and one in self.takers}
        for one, other in wanted.items():
            while other in wanted:
                other = wanted[other]
            wanted[one] = other
        for node in self.nodes if wanted else ():
            _rename(node, wanted)
        self.refresh()
        return bool(wanted)

    def dims(self) -> dict[str, Dims]:
        """The sizes of all values, as far as they can be found out."""
        from onnx import helper, shape_inference

        light = {name for name, one in self.kept.items() if one.ByteSize() <= LIGHT}
        inputs = [
            helper.make_tensor_value_info(name, one.data_type, one.dims)
            for name, one in self.kept.items()
            if name not in light | self.given
        ]
        old, values = self.proto.graph, [self.kept[name] for name in light]
        graph = helper.make_graph(
            self.nodes, "sizes", [*old.input, *inputs], old.output, values,
            value_info=[one for one in old.value_info if one.name in self.makers],
        )  # fmt: skip
        model = helper.make_model(
            graph, opset_imports=self.proto.opset_import, ir_version=self.proto.ir_version,
            functions=self.proto.functions,
        )  # fmt: skip
        try:
            graph = shape_inference.infer_shapes(model, data_prop=True).graph
        except Exception:  # of a graph with operations that onnx does not know
            graph = model.graph
        found = {name: tuple(one.dims) for name, one in self.kept.items()}
        for one in (*graph.value_info, *graph.output, *graph.input):
            if one.type.tensor_type.HasField("shape"):
                found[one.name] = tuple(map(_dim, one.type.tensor_type.shape.dim))
        return found


def attribute(node: Any, name: str, usual: Any = None, /) -> Any:
    """An attribute of a node, or the usual value."""
    from onnx import helper

    for one in node.attribute:
        if one.name == name:
            return helper.get_attribute_value(one)
    return usual


def taken(node: Any, /) -> Iterator[str]:
    """The values that a node takes, those that graphs within it take from outside included."""
    yield from filter(None, node.input)
    for inner in inside(node):
        for one in inner.node:
            yield from taken(one)
        yield from (one.name for one in inner.output)


def inside(node: Any, /) -> Iterator[Any]:
    """The graphs within a node: of a branch or a loop."""
    for one in node.attribute:
        if one.HasField("g"):
            yield one.g
        yield from one.graphs


def _rename(node: Any, new: Mapping[str, str]) -> None:
    for place, name in enumerate(node.input):
        node.input[place] = new.get(name, name)
    for inner in inside(node):
        for one in inner.node:
            _rename(one, new)
        for one in inner.output:
            one.name = new.get(one.name, one.name)


def _dim(dim: Any) -> int | str | None:
    return dim.dim_param or None if dim.HasField("dim_param") else (
        dim.dim_value if dim.HasField("dim_value") else None
    )  # fmt: skip
