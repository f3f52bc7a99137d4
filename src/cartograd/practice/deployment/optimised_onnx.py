"""Graph optimisation: an ONNX file with fewer operations, which answers the same.

The graph that an exporter writes follows the model's code: the same mask in each layer, sizes that
are asked for again and again, a normalisation behind each convolution, attention in ten steps.
Passes over it find what is equal, constant or a known operation, until none finds anything more:

    constant folding         f(constants) = a constant; x + 0 = x 1 = x
    known sizes              shape(x)[i] = a size of an input, or a number
    batch norm folding       g (W * x + b - m) / sqrt(v + eps) + h = W' * x + b'
    common subexpressions    f(a) and f(a) are one value
    activation fusion        x/2 (1 + erf(x / sqrt(2))) = gelu(x)
    attention fusion         softmax(a q k^T + mask) v = attention(q, k, v, mask)
    dead nodes               what no answer needs is gone

How many nodes there were of each operation stands in the file, and the names of weights stay, so
that layers are still known by them. An ONNX file of anyone is taken as it is; what is told beside
it goes into the new one.

Departures: Attention is an operation of the standard's version 23, to which a file that has one is
raised; runtimes before 2025 do not know it.

References:
    Alfred V. Aho, Monica S. Lam, Ravi Sethi, Jeffrey D. Ullman. Compilers: principles, techniques,
    and tools, chapter 9. 2006. https://suif.stanford.edu/dragonbook/

>>> import torch
>>> from tempfile import TemporaryDirectory
>>> from cartograd.core.ports import Port, Signature
>>> from cartograd.core.signed import sign
>>> from cartograd.practice.deployment.parity import check
>>> signature = Signature((Port("x", "vector", (3,)),), (Port("y", "label", (2,)),))
>>> model = sign(nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2)), signature)
>>> with TemporaryDirectory() as folder:
...     path = optimised_onnx(model, f"{folder}/small.onnx")
...     check(model, path, torch.rand(5, 3)).agree, listed(path).after.total()
(True, 3)
"""

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, first_line
from cartograd.core.files import write_file
from cartograd.engine.files.onnx_session import TOLD, check_alone, needed
from cartograd.engine.files.program import Program
from cartograd.practice.deployment.graph.passes import Optimised, passed
from cartograd.practice.deployment.onnx import onnx

CARD = Card(
    name="optimised-onnx",
    kind="exporter",
    entry="optimised_onnx",
    nodes=("deploy/graph-optimisation",),
    title="Optimised ONNX export",
    zh="图优化后的 ONNX 导出",
    paper="Compilers: Principles, Techniques, and Tools",
    year=2006,
    url="https://suif.stanford.edu/dragonbook/",
    proofs=(
        "oracle: onnxruntime gives the outputs of torch to 1e-5 for nets with batch norm and "
        "transformers of any length, whose graphs have fewer nodes",
        "law: each pass finds what it is for in a graph that is made for it, and keeps the answers",
        "law: what must not be folded stays: a convolution whose value is taken elsewhere, a GELU "
        "with another constant, a loop's values",
    ),
    evidence={"deploy/graph-optimisation": ("test_graphs_of_architectures_are_smaller_and_equal",)},
    needs="export",
)

KEPT = "optimised"
"""The metadata that hold what became of the graph."""


def optimised_onnx(model: nn.Module, path: str | Path, /) -> Path:
    """Write a model, or the ONNX file that it runs, with as few operations as the passes leave.

    The file is written whole or not at all, and the model is left as it is.

    Args:
        model: anything with a signature, or what an ONNX file answers for.
        path: the file to write; an older one of the name is replaced.

    Raises:
        UsageError: as `onnx` says; or what came of the graph is none that the standard allows.
    """
    needed("onnx", "onnxruntime")
    inner = next((part for part in model.modules() if isinstance(part, Program)), None)
    if inner is not None:
        return _optimised(inner.path, path)
    with TemporaryDirectory() as folder:
        return _optimised(onnx(model, Path(folder) / "model.onnx"), path)


def _optimised(source: Path, path: str | Path) -> Path:
    """The file, after all passes."""
    import onnx as package

    check_alone(source)
    proto, found = passed(package.load(str(source), load_external_data=False))
    kept = [one for one in proto.metadata_props if one.key == KEPT]
    for one in kept:  # it was optimised before: what it was at first counts
        proto.metadata_props.remove(one)
    proto.metadata_props.add(key=KEPT, value=json.dumps(found.to_json()))
    beside = source.with_suffix(".toml")
    if beside.is_file() and not any(one.key == TOLD for one in proto.metadata_props):
        proto.metadata_props.add(key=TOLD, value=beside.read_text(encoding="utf-8"))
    try:
        package.checker.check_model(proto)
    except Exception as error:  # the checker's errors have no common class of their own
        raise UsageError(f"{source} cannot be optimised: {first_line(error)}") from error
    return write_file(path, proto.SerializeToString(deterministic=True))


def listed(path: str | Path, /) -> Optimised | None:
    """What became of the graph of a file, if it was optimised.

    Raises:
        UsageError: `onnx` is not installed.
    """
    needed("onnx")
    import onnx as package

    proto = package.load(str(path), load_external_data=False)
    kept = {item.key: item.value for item in proto.metadata_props}
    if KEPT not in kept:
        return None
    said = json.loads(kept[KEPT])
    before, after = (Counter(said[part]) for part in ("before", "after"))
    return Optimised(before, after, tuple(said["opset"]))
