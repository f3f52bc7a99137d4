"""What the layers of an ONNX file give: the values within its graph, by the names of its weights.

Exporters call a constant by the name of the weight that it was (`model.conv1.weight`), and the
values between operations by numbers. So a layer is known by the last operation that takes one of
its weights; what has no weights, or weights that were renamed, has no name.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cartograd.core.errors import UsageError, first_line
from cartograd.engine.files.onnx_parts import parts
from cartograd.engine.files.onnx_session import needed, options

Values = list[tuple[str, np.ndarray]]
"""Layers by name in the order of the graph, and what they gave."""

WHERE = "session.model_external_initializers_file_folder_path"
"""What onnxruntime calls the folder of the numbers of a model that is given without a file."""


def tapped(path: Path, /) -> Callable[[dict[str, np.ndarray]], Values]:
    """A function that runs the file and gives what each named layer did.

    Args:
        path: an ONNX file, which may come from anyone.

    Raises:
        UsageError: a package is missing, or the file is none that can be run alone; of the
            function, it cannot be run on these inputs.
    """
    beside = parts(path)
    needed("onnxruntime")
    import onnx
    import onnxruntime

    proto = onnx.load(str(path), load_external_data=False)
    names = layers(proto)
    last = {value.name for value in proto.graph.output}
    wanted = [(layer, value) for layer, value in names.items() if value not in last]
    for _, value in wanted:
        proto.graph.output.append(onnx.ValueInfoProto(name=value))
    chosen = options()
    if beside:
        chosen.add_session_config_entry(WHERE, str(path.parent))
    try:
        session = onnxruntime.InferenceSession(
            proto.SerializeToString(), chosen, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its errors have no common class of their own
        raise UsageError(f"onnxruntime cannot run {path}: {first_line(error)}") from error

    def run(arrays: dict[str, np.ndarray]) -> Values:
        try:
            found = session.run([value for _, value in wanted], arrays) if wanted else []
        except Exception as error:  # as above
            raise UsageError(f"onnxruntime cannot run {path}: {first_line(error)}") from error
        return [(name, np.asarray(x)) for (name, _), x in zip(wanted, found, strict=True)]

    return run


def layers(proto: Any, /) -> dict[str, str]:
    """Of each layer the name of the value that it gives, in the order of the graph."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    found: dict[str, str] = {}
    for node in proto.graph.node:
        for name in node.input:
            layer, _, part = name.rpartition(".")
            if name in constants and layer and part and node.output:
                layer = layer.removeprefix("model.")
                found.pop(layer, None)  # the last operation counts, and its place
                found[layer] = node.output[0]
            elif name in constants and name == "std0":
                found["normalise"] = node.output[0]
    return found
