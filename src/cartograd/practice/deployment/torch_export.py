"""torch.export: a model as a program of torch's, which runs without the model's code.

The model is written down once as a graph of torch's own operations, with its weights and its
standardisation; every dimension that the signature names by a letter stays free. `compile=true`
hands the graph to AOTInductor, which makes machine code for this processor of it: a file that is
faster here and worth nothing elsewhere, a cache.

    f_program(x) = f_torch(x) up to rounding, for any batch size

Departures: lines of the model's source, which torch notes beside each operation, are left out. A
file is read by torch's loader, which runs machine code of a compiled one: read your own only.

References:
    Jason Ansel et al. PyTorch 2: faster machine learning through dynamic Python bytecode
    transformation and graph compilation. ASPLOS 2024. https://doi.org/10.1145/3620665.3640366

>>> from tempfile import TemporaryDirectory
>>> from cartograd.core.ports import Port, Signature
>>> signature = Signature((Port("x", "vector", (3,)),), (Port("y", "label", (2,)),))
>>> model = sign(torch.nn.Linear(3, 2), signature)
>>> with TemporaryDirectory() as folder:
...     run = running(torch_export(model, f"{folder}/line.pt2"))
>>> run([torch.rand(5, 3).numpy()]).shape
(5, 2)
"""

import os
import shutil
import sys
import warnings
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, first_line
from cartograd.core.files import write_file
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.engine.files.onnx_session import Run
from cartograd.engine.files.program import check_code
from cartograd.practice.deployment.traced import traced

CARD = Card(
    name="torch-export",
    kind="exporter",
    entry="torch_export",
    nodes=("deploy/export",),
    title="torch.export and AOTInductor",
    zh="torch.export 与 AOTInductor",
    paper="PyTorch 2: Faster Machine Learning Through Dynamic Python Bytecode Transformation and "
    "Graph Compilation",
    year=2024,
    url="https://doi.org/10.1145/3620665.3640366",
    proofs=(
        "law: a program that is read again, compiled or not, gives the model's outputs for batches "
        "of 1, 2 and 7",
    ),
    missing={"deploy/export": "TensorRT, which needs a GPU of NVIDIA and its package"},
)

COMPILED = "aotinductor"
"""In the names of the files within a compiled program."""


def torch_export(model: nn.Module, path: str | Path, /, *, compile: bool = False) -> Path:
    """Write a model as a program of torch's.

    The file is written whole or not at all, and the model is left as it is.

    Args:
        model: anything with a signature.
        path: the file to write, a .pt2 file; an older one of the name is replaced.
        compile: make machine code for this processor of it.

    Raises:
        UsageError: the model has no signature or cannot be traced, no compiler is there, or the
            file cannot be written.
    """
    signed = model if isinstance(model, Signed) else sign(model, signature_of(model))
    check_code(signed, "its operations")
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if compile and shutil.which(compiler) is None:
        raise UsageError(
            f"compile=true needs a C++ compiler, and there is no {compiler}; install one (Debian: "
            "apt install g++), or leave compile out"
        )
    if Path(path).is_dir():
        raise UsageError(f"{path} is a folder; expected a file to write")
    program = traced(signed)
    if compile:
        return write_file(path, _compiled(program))
    for node in program.graph.nodes:
        for word in ("stack_trace", "nn_module_stack", "source_fn_stack"):
            node.meta.pop(word, None)
    content = BytesIO()
    torch.export.save(program, content)
    return write_file(path, content.getvalue())


def running(path: Path, /) -> Run:
    """A function that runs a program, compiled or not.

    Args:
        path: a file of one's own: torch runs the machine code within.

    Raises:
        UsageError: it is no program.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call: Any = (
                torch._inductor.aoti_load_package(str(path))
                if COMPILED.encode() in path.read_bytes()
                else torch.export.load(BytesIO(path.read_bytes())).module()
            )
    except Exception as error:  # torch's errors have no common class
        raise UsageError(f"{path} is no program of torch's: {first_line(error)}") from error

    def run(arrays: list[np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return call(*(torch.from_numpy(one) for one in arrays)).numpy()

    return run


def _compiled(program: Any) -> bytes:
    """Machine code for this processor, in a file of AOTInductor's."""
    with TemporaryDirectory() as folder:
        made = Path(folder) / "model.pt2"
        try:
            with warnings.catch_warnings():  # of parts of torch that its compiler imports
                warnings.simplefilter("ignore")
                torch._inductor.aoti_compile_and_package(program, package_path=str(made))
        except Exception as error:  # whatever torch's compiler raises
            raise UsageError(f"AOTInductor cannot compile this: {first_line(error)}") from error
        return made.read_bytes()
