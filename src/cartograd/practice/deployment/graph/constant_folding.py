"""Constant folding: what does not depend on the inputs is computed once, when the file is written.

    f(constants) = a constant;  x + 0 = x 1 = x / 1 = x;  identity(x) = dropout(x) = x

A runtime computes each node's value as it will later, so that the answers stay what they were. What
would make the file larger is left to be computed: a constant that grows by more than its inputs.
Weights in whole numbers stay as they are, for a runtime multiplies by these.
"""

from typing import Any

import numpy as np

from cartograd.practice.deployment.graph.graph import Graph, attribute, inside

GROWTH = 1 << 16
"""Bytes by which a constant may be larger than those that it is made of."""

RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli",
          "Multinomial"}  # fmt: skip

ROUNDED = {"DequantizeLinear"}
"""What says that a constant is kept in few bits, with its scale."""

NEUTRAL = {"Add": (0.0, (0, 1)), "Sub": (0.0, (1,)), "Mul": (1.0, (0, 1)), "Div": (1.0, (1,))}
"""Of an operation the number that changes nothing, and at which of its inputs."""


def constant_folding(graph: Graph, /) -> bool:
    """Compute what can be, and take out what changes nothing.

    Args:
        graph: is changed; what nothing takes any more is left to `dead_nodes`.

    Returns:
        Whether there was any.
    """
    changed, dims, same = False, graph.dims(), dict[str, str]()
    for node in list(graph.nodes):
        if (one := _unchanged(graph, node, dims)) is not None:
            same[node.output[0]] = one
        elif _foldable(graph, node):
            changed |= _folded(graph, node)
    return graph.rename(same) or changed


def _foldable(graph: Graph, node: Any) -> bool:
    """Whether a node's value depends on constants alone."""
    if node.op_type in RANDOM | ROUNDED or node.domain not in ("", "ai.onnx") or any(inside(node)):
        return False
    known = all(not name or graph.is_constant(name) for name in node.input)
    return known and len(node.output) == 1 and node.output[0] not in graph.answers


def _folded(graph: Graph, node: Any) -> bool:
    """Put the value in the place of what computed it."""
    from onnx import numpy_helper

    name = node.output[0]
    given = {one: numpy_helper.to_array(graph.kept[one]) for one in node.input if one}
    value = _value(graph, node, given)
    if value is None or value.nbytes > sum(one.nbytes for one in given.values()) + GROWTH:
        return False
    graph.kept[name] = numpy_helper.from_array(value, name)
    graph.nodes = [one for one in graph.nodes if one is not node]
    return True


def _value(graph: Graph, node: Any, given: dict[str, np.ndarray]) -> np.ndarray | None:
    """What the runtime makes of it; None of what it does not compute alone."""
    import onnxruntime
    from onnx import TypeProto, ValueInfoProto, helper

    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in given.items()
    ]
    output = ValueInfoProto(name=node.output[0], type=TypeProto())
    inner = helper.make_graph([node], "one", inputs, [output])
    model = helper.make_model(
        inner, opset_imports=graph.proto.opset_import, ir_version=graph.proto.ir_version
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = session.run(None, given)[0]
    except Exception:  # its errors have no common class of their own
        return None
    return found if isinstance(found, np.ndarray) and found.dtype != object else None


def _unchanged(graph: Graph, node: Any, dims: dict[str, Any]) -> str | None:
    """The input that comes out as it is, if it does."""
    first = node.input[0] if node.input else ""
    if node.op_type == "Identity":
        return first
    if node.op_type == "Dropout":
        training = len(node.input) > 2 and graph.number(node.input[2]) != 0
        return None if training or any(node.output[1:]) else first
    if node.op_type == "Transpose":
        order = attribute(node, "perm")
        return first if order is not None and list(order) == sorted(order) else None
    if node.op_type not in NEUTRAL:
        return None
    neutral, places = NEUTRAL[node.op_type]
    for place in places:
        other = node.input[1 - place]
        if graph.number(node.input[place]) != neutral or other not in dims:
            continue
        rank = len(dims[node.input[place]]) if node.input[place] in dims else 99
        if rank <= len(dims[other]):  # a constant of more dimensions would add some
            return other
    return None
