"""ONNX export: the model as a file that other programs and languages can run.

The model is traced into a graph of standard operations and written with its weights, its
standardisation, its signature and its tokenizer, so that a runtime in C++, Java or a browser gets
pixels in and logits out, without Python or torch. The batch (and any other dimension that the
signature names by a letter) stays free. One file holds 2 GB; of a larger model the numbers lie in a
second one beside it, named by their content: the two belong together.

    f_onnx(x) = f_torch(x) up to rounding, for any batch size

Shapes: inputs and outputs as the signature's ports, with the batch first.

Departures: none; the tracing and the translation are torch.onnx's. The local paths that it notes
beside each operation are left out of the file.

References:
    The ONNX community. Open Neural Network Exchange, intermediate representation. 2017.
    https://github.com/onnx/onnx/blob/main/docs/IR.md

>>> from tempfile import TemporaryDirectory
>>> from cartograd.core.ports import Port
>>> from cartograd.practice.deployment.parity import check
>>> signature = Signature((Port("x", "vector", (3,)),), (Port("y", "label", (2,)),))
>>> model = sign(torch.nn.Linear(3, 2), signature)
>>> with TemporaryDirectory() as folder:
...     check(model, onnx(model, f"{folder}/line.onnx"), torch.rand(5, 3)).agree
True
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

import cartograd
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.example import tried
from cartograd.core.files import write_file
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.engine.files.onnx_parts import write_onnx
from cartograd.engine.files.onnx_session import needed
from cartograd.engine.files.program import Program

CARD = Card(
    name="onnx",
    kind="exporter",
    entry="onnx",
    nodes=("deploy/export",),
    title="ONNX export",
    zh="ONNX 导出",
    paper="Open Neural Network Exchange",
    year=2017,
    url="https://github.com/onnx/onnx/blob/main/docs/IR.md",
    proofs=(
        "oracle: onnxruntime gives the outputs of torch to 1e-5, for batches of 1, 2 and 7",
        "law: the standardisation is in the file; the signature read back is the model's",
    ),
    evidence={"deploy/export": ("test_onnxruntime_gives_the_same_for_any_batch",)},
    missing={"deploy/export": "TensorRT, which needs a GPU of NVIDIA and its package"},
    needs="export",
)

LARGEST = 2**31 - 1
"""Bytes that the format can hold in one file."""


def onnx(model: nn.Module, path: str | Path, /) -> Path:
    """Write a model as an ONNX file that takes what its signature says.

    The file is written whole or not at all, and the model is left as it is.

    Args:
        model: anything with a signature.
        path: the file to write; an older one of the name is replaced.

    Raises:
        UsageError: the `export` extra is not installed, the model has no signature, cannot be
            traced, takes one length only once it is traced, or has a graph of more than 2 GB, or
            the file cannot be written.
    """
    needed("onnx", "onnxscript")
    signed = model if isinstance(model, Signed) else sign(model, signature_of(model))
    signature = signed.signature
    given, answers = ([port.name for port in ports]
                      for ports in (signature.inputs, signature.outputs))  # fmt: skip
    # Pictures that are made of pictures: a graph has one name for each of its values.
    names = [*given, *(f"{name}_out" if name in given else name for name in answers)]
    if len(set(names)) < len(names):
        raise UsageError(
            f"the ports are named {', '.join(names)}; an ONNX file needs a different name for each"
        )
    letters = {dim for port in signature.inputs for dim in port.dims if isinstance(dim, str)}
    dims = {letter: torch.export.Dim(letter) for letter in sorted(letters | {"batch"})}
    free = tuple(
        {i: dims[dim] for i, dim in enumerate(("batch", *port.dims)) if isinstance(dim, str)}
        for port in signature.inputs
    )
    device = signed.output_mean.device
    with evaluating(signed), torch.no_grad(), _quiet():
        examples, _ = tried(signed, signature, device)
        try:
            program = torch.onnx.export(
                signed,
                examples,
                input_names=names[: len(signature.inputs)],
                output_names=names[len(signature.inputs) :],
                dynamic_shapes=(free,),  # of the one argument *inputs
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            if any(isinstance(part, torch.jit.ScriptModule) for part in signed.modules()):
                raise UsageError(
                    "a scripted module runs as code of torch's own, and the exporter follows "
                    "Python's; load these weights into the module that it was made from, and "
                    "export that"
                ) from error
            raise UsageError(
                f"{type(signed.model).__name__} cannot be traced into a graph: "
                f"{_cause(error)}; a model whose Python code looks at the numbers that pass "
                "through it cannot be exported"
            ) from error
    assert program is not None
    proto = program.model_proto
    _check_free(signed, proto)
    _describe(proto, signed)
    return write_onnx(proto, path, most=LARGEST)


def copied(program: Program, path: str | Path, /) -> Path:
    """Write the file of a model that is answered by one, with its numbers, at another place.

    Raises:
        UsageError: it cannot be written.
    """
    if not program.beside:
        return write_file(path, program.path.read_bytes())
    import onnx as package

    return write_onnx(package.load(str(program.path)), path, most=LARGEST)


def signature_in(path: str | Path, /) -> Signature:
    """The signature that an exported file carries.

    Raises:
        UsageError: `onnx` is not installed, or the file is none that Cartograd wrote.
    """
    needed("onnx")
    import onnx as package
    from google.protobuf.message import DecodeError

    try:
        proto = package.load(str(path), load_external_data=False)
        kept = {item.key: item.value for item in proto.metadata_props}
        return Signature.from_json(json.loads(kept["signature"]))
    except (OSError, ValueError, KeyError, RecursionError, DecodeError) as error:
        raise UsageError(f"{path} is not an ONNX file with a signature: {error}") from error


def _check_free(model: Signed, proto: Any) -> None:
    """Refuse a graph that takes one size where the signature takes any.

    The exporter itself fixes a size that the model's Python code depends on, and says nothing.
    """
    for port, value in zip(model.signature.inputs, proto.graph.input, strict=True):
        sizes = value.type.tensor_type.shape.dim
        for dim, size in zip(("batch", *port.dims), sizes, strict=True):
            if isinstance(dim, str) and not size.dim_param:
                raise UsageError(
                    f"{type(model.model).__name__} cannot be traced for any size of {dim!r}, as "
                    f"its input {port.name!r} promises: the file would take {size.dim_value} "
                    "alone; a loop in Python over that dimension is the usual cause"
                )


def _describe(proto: Any, model: Signed) -> None:
    """Keep the metadata that users of the file need, without paths of this machine."""
    for part in (proto.graph, *proto.functions):
        for node in part.node:
            node.ClearField("metadata_props")
    signature, spec = model.signature, model.spec
    about = {
        "signature": json.dumps(signature.to_json(), ensure_ascii=False),
        "labels": json.dumps(signature.output.labels, ensure_ascii=False),
        "spec": str(spec) if spec else "",
        "parameters": str(sum(one.numel() for one in model.parameters())),
        "made_by": f"cartograd {cartograd.__version__}",
    }
    if model.tokenizer is not None:
        about["tokenizer"] = model.tokenizer.to_json()
    del proto.metadata_props[:]
    for key, value in about.items():
        proto.metadata_props.add(key=key, value=value)


def _cause(error: BaseException) -> str:
    """The first line of the root cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress messages of torch's exporter that are of no use to users."""

    def concerns(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("torchvision is not installed")

    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    logger.addFilter(concerns)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*LeafSpec.*is deprecated", FutureWarning)
            warnings.filterwarnings("ignore", "# The axis name: .* will not be used, since it shar")
            warnings.filterwarnings("ignore", "The tensor attribute.*_flat_weights")  # of an LSTM
            warnings.filterwarnings("ignore", "_check_is_size will be removed", FutureWarning)
            yield
    finally:
        logger.removeFilter(concerns)
