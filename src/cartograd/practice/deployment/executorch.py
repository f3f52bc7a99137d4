"""ExecuTorch: a model as a file that phones and small boards run, without Python.

The graph that torch.export writes is brought down to a small set of operations, as many of them as
can be go to XNNPACK's kernels for ARM and x86 processors, and memory for all of them is planned
beforehand: a runtime of a few hundred kilobytes in C++, Kotlin or Swift reads the file and asks
for no more. What is planned for needs an upper bound, so a file takes batches of up to
`batch_size` and texts of up to `context` tokens, any smaller ones too.

    f_pte(x) = f_torch(x) up to rounding, for any batch size up to the bound

The signature is in the file: a method `signature` gives it as JSON, as `forward` gives answers.

Departures: none; the compiler is ExecuTorch's own, and its package is needed to write a file and to
check it. `--check` runs the file on this machine by the runtime that phones have.

References:
    PyTorch contributors. ExecuTorch: on-device AI across mobile, embedded and edge. 2023.
    https://docs.pytorch.org/executorch/

>>> from cartograd.core.ports import Port, Signature
>>> signature = Signature((Port("x", "vector", (3,)),), (Port("y", "label", (2,)),))
>>> program = traced(sign(torch.nn.Linear(3, 2), signature), most={BATCH: 8})
>>> [(limits.lower, limits.upper) for limits in program.range_constraints.values()]
[(1, 8)]
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, first_line
from cartograd.core.files import write_file
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.engine.files.onnx_session import Run
from cartograd.engine.files.program import check_code
from cartograd.practice.deployment.outside import check_package, quiet
from cartograd.practice.deployment.traced import BATCH, traced

CARD = Card(
    name="executorch",
    kind="exporter",
    entry="executorch",
    aliases=("pte",),
    nodes=("deploy/hardware",),
    title="ExecuTorch, for phones",
    zh="ExecuTorch（手机端）",
    paper="ExecuTorch: on-device AI across mobile, embedded and edge",
    year=2023,
    url="https://docs.pytorch.org/executorch/",
    proofs=(
        "law: what is handed to the compiler answers as the model for batches of 1, 2 and more "
        "than the file is made for, and carries the signature",
    ),
    evidence={"deploy/hardware": ("acceptance:phones",)},
    needs="executorch",
)

PHONES = ".pte"
"""How the names of ExecuTorch's programs end."""

FILES = "files for phones"
INSTEAD = (
    "export --to torch-export, and where it is installed "
    "to_edge_transform_and_lower(torch.export.load('model.pt2'), "
    "partitioner=[XnnpackPartitioner()]).to_executorch().save('model.pte')"
)
"""What the package is for, and how to come to a file without it here."""


def executorch(
    model: nn.Module, path: str | Path, /, *, batch_size: int = 8, context: int = 128
) -> Path:
    """Write a model as a program of ExecuTorch's.

    The file is written whole or not at all, and the model is left as it is.

    Args:
        model: anything with a signature.
        path: the file to write, a .pte file; an older one of the name is replaced.
        batch_size: most examples that the file takes at once; memory is planned for so many.
        context: the largest size of each dimension that the signature leaves free, such as the
            length of a text.

    Raises:
        UsageError: the package is not installed, the model has no signature, cannot be traced or
            compiled, or the file cannot be written.
    """
    signed = model if isinstance(model, Signed) else sign(model, signature_of(model))
    if Path(path).is_dir():
        raise UsageError(f"{path} is a folder; expected a file to write")
    check_package("executorch", files=FILES, instead=INSTEAD)
    check_code(signed, "its operations")
    letters = {dim for port in signed.signature.inputs for dim in port.dims if isinstance(dim, str)}
    program = traced(signed, most={BATCH: batch_size} | dict.fromkeys(letters, context))
    return write_file(path, _compiled(program, signed))


def running(path: Path, /) -> Run:
    """A function that runs a file by ExecuTorch's runtime, in parts where the batch is larger.

    Args:
        path: a .pte file.

    Raises:
        UsageError: the package is not installed, or it is no program of its; of the function, it
            cannot run on these inputs.
    """
    check_package("executorch", files=FILES, instead=INSTEAD)
    with quiet():
        from executorch.runtime import Runtime  # pyright: ignore[reportMissingImports]

        try:
            method = Runtime.get().load_program(path).load_method("forward")
        except Exception as error:  # its errors have no common class of their own
            raise UsageError(
                f"{path} is no program of ExecuTorch's: {first_line(error)}"
            ) from error
    assert method is not None
    most = method.metadata.input_tensor_meta(0).sizes()[0]

    def once(arrays: list[np.ndarray]) -> np.ndarray:
        try:
            with quiet():
                (answer,) = method.execute([torch.from_numpy(one.copy()) for one in arrays])
        except Exception as error:
            shapes = ", ".join(str(list(one.shape)) for one in arrays)
            raise UsageError(
                f"ExecuTorch cannot run {path} on inputs of {shapes}; it was made for batches of "
                f"up to {most}: {first_line(error)}"
            ) from error
        return answer.clone().numpy()  # the memory is the program's, and used again

    def run(arrays: list[np.ndarray]) -> np.ndarray:
        starts = range(0, len(arrays[0]), most)
        return np.concatenate([once([x[i : i + most] for x in arrays]) for i in starts])

    return run


def signature_in(path: str | Path, /) -> Signature:
    """The signature that a file carries.

    Raises:
        UsageError: the package is not installed, or the file is none that was written here.
    """
    check_package("executorch", files=FILES, instead=INSTEAD)
    with quiet():
        from executorch.runtime import Runtime  # pyright: ignore[reportMissingImports]

        try:
            program = Runtime.get().load_program(Path(path))
            (told,) = program.load_method("signature").execute([])
        except Exception as error:
            raise UsageError(
                f"{path} is no program for phones with a signature: {first_line(error)}"
            ) from error
    return Signature.from_json(json.loads(told))


def _compiled(program: Any, signed: Signed) -> bytes:
    """The bytes of the file."""
    told = json.dumps(signed.signature.to_json(), ensure_ascii=False)
    with quiet():
        from executorch.backends.xnnpack.partition import (  # pyright: ignore[reportMissingImports]
            xnnpack_partitioner,
        )
        from executorch.exir import (  # pyright: ignore[reportMissingImports]
            to_edge_transform_and_lower,
        )

        parts = [xnnpack_partitioner.XnnpackPartitioner()]

        try:
            lowered = to_edge_transform_and_lower(
                program, partitioner=parts, constant_methods={"signature": told}
            )
            return bytes(lowered.to_executorch().buffer)
        except Exception as error:
            raise UsageError(
                f"ExecuTorch cannot compile {type(signed.model).__name__}: {first_line(error)}"
            ) from error
