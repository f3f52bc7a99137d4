"""Run an ONNX file by onnxruntime."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cartograd.core.arrays import SLIM, torch
from cartograd.core.errors import UsageError, first_line


def needed(*packages: str) -> None:
    """Refuse to begin where a package of the `export` extra is not installed.

    Raises:
        UsageError: one is missing.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"ONNX files need {' and '.join(missing)}: pip install 'cartograd[export]'"
        )


TOLD = "preprocessing"
"""The metadata in which a file of anyone may be told how it wants its examples."""

BESIDE = ".golden.safetensors"
"""How the file beside `model.onnx` ends that keeps examples with the model's own answers."""

Run = Callable[[list[np.ndarray]], np.ndarray]
"""What runs a file."""

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
         "tensor(int64)": np.int64, "tensor(int32)": np.int32,
         "tensor(uint8)": np.uint8}  # fmt: skip
"""Types of numbers by onnxruntime's names."""


def session(path: Path, /, *, fused: bool = True) -> Run:
    """A function that runs the file, on as many threads as torch uses.

    Args:
        path: the file.
        fused: whether onnxruntime may change the graph, as it does unless it is told not to.

    Raises:
        UsageError: onnxruntime is not installed, or cannot run the file; of the function, it
            cannot run it on these inputs.
    """
    return running(named_session(path, fused=fused), path)


def running(made: Any, path: Path, /, *, output: str = "") -> Run:
    """A function that runs a file that onnxruntime has; one that takes a row alone gets row by row.

    Args:
        made: as `named_session` gives it.
        path: the file, for errors.
        output: which to give; by default the first.

    Raises:
        UsageError: it has no such output; of the function, it cannot run the file on these inputs.
    """
    given, names = made.get_inputs(), [one.name for one in made.get_outputs()]
    if output and output not in names:
        raise UsageError(f"{path} has no output {output!r}; expected {', '.join(names)}")
    alone = all(list(one.shape[:1]) == [1] for one in given)

    def once(arrays: list[np.ndarray]) -> np.ndarray:
        typed = {
            item.name: x.astype(TYPES.get(item.type, x.dtype), copy=False)
            for item, x in zip(given, arrays, strict=True)
        }
        try:
            return np.asarray(made.run([output or names[0]], typed)[0])
        except Exception as error:  # its errors have no common class of their own
            raise UsageError(
                f"onnxruntime cannot run {path} on these inputs: {first_line(error)}"
            ) from error

    def run(arrays: list[np.ndarray]) -> np.ndarray:
        if not alone or len(arrays[0]) == 1:
            return once(arrays)
        rows = range(len(arrays[0]))
        return np.concatenate([once([x[row : row + 1] for x in arrays]) for row in rows])

    return run


def named_session(path: Path, /, *, fused: bool = True) -> Any:
    """The file as onnxruntime has it, with the names of its inputs and outputs and its metadata.

    Args:
        path: the file.
        fused: as of `session`.

    Raises:
        UsageError: onnxruntime is not installed, or cannot run the file.
    """
    needed("onnxruntime")
    import onnxruntime

    chosen = options()
    if not fused:
        chosen.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(str(path), chosen, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class of their own
        reason = first_line(error)
        wide = "; export the model in float32: model.float()" if "NOT_IMPLEMENTED" in reason else ""
        raise UsageError(f"onnxruntime cannot run {path}: {reason}{wide}") from error


def options() -> Any:
    """How a session runs: on as many threads as torch, without messages."""
    import onnxruntime

    made = onnxruntime.SessionOptions()
    if not SLIM:
        made.intra_op_num_threads = torch.get_num_threads()
    made.log_severity_level = 3
    return made


def check_alone(path: Path, /) -> None:
    """Refuse a file that takes numbers from other files, where one has to be all.

    Raises:
        UsageError: it does, it is no ONNX file, or `onnx` is not installed.
    """
    needed("onnx")
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (OSError, ValueError, DecodeError) as error:
        raise UsageError(f"{path} is not an ONNX file: {first_line(error)}") from error
    if any(one.data_location == onnx.TensorProto.EXTERNAL for one in tensors_in(model)):
        raise UsageError(f"{path} takes numbers from another file; here one has to hold all")


def tensors_in(model: Any, /) -> Iterator[Any]:
    """All constant tensors of a model, those of the graphs inside graphs included."""
    graphs, nodes = [model.graph], [node for one in model.functions for node in one.node]
    while graphs or nodes:
        for graph in graphs:
            yield from graph.initializer
            nodes += graph.node
        given = [attribute for node in nodes for attribute in node.attribute]
        graphs = [graph for one in given for graph in ((one.g, *one.graphs))]
        graphs = [graph for graph in graphs if graph.node or graph.initializer]
        nodes = []
        for one in given:
            yield from (one.t, *one.tensors)
