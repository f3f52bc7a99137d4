"""Export: the model as a file that other programs run, compared with the model itself."""

from pathlib import Path

from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.apps.answers.decisions import named
from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target, as_bundle, as_signed
from cartograd.apps.replace.between import between
from cartograd.apps.replace.margin import Given, check_judge
from cartograd.apps.replace.replace import replace
from cartograd.apps.results.export import Export
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.core.protocols import Exporter
from cartograd.engine.files.program import Program, check_code
from cartograd.engine.files.tensor_files import read_tensors
from cartograd.practice.deployment.parity import check as compare


def export(
    target: Target,
    path: str | Path,
    /,
    *,
    to: str = "onnx",
    check: Shaped[Tensor, "b ..."] | tuple[Tensor, ...] | bool = False,
    data: Data | None = None,
    margin: Given = "",
) -> Export:
    """Write a model as a file.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one; of a bundle that is
            answered by its ONNX file, that is copied.
        path: the file to write; an older one of the name is replaced.
        to: the exporter.
        check: inputs to run both on and compare, a tuple if the model takes several; True takes
            the golden inputs of the bundle.
        data: with a margin, on what it is judged; by default what the model was trained on.
        margin: how much worse the file may be, as of `replace`: `accuracy=0.5%`.

    Raises:
        UsageError: no such exporter, the model cannot be exported, the file cannot be written,
            `check` is True and there is no bundle, or there is a margin and nothing to judge by.
    """
    check_judge(data, margin)
    exporter: Exporter = build(to, kind="exporter")
    model = as_signed(target)
    inputs = golden(target) if check is True else check
    inputs = (inputs,) if isinstance(inputs, Tensor) else inputs
    inner = model.model
    if isinstance(inner, Program):
        written = write_file(path, inner.path.read_bytes())
    else:
        check_code(model, "its weights")
        written = exporter(model, path)
    found = None
    if isinstance(inputs, tuple):
        device = model.output_mean.device
        found = compare(model, written, tuple(one.to(device) for one in inputs))
    where = None
    if found is not None and isinstance(inputs, tuple) and len(inputs) == 1:
        where = between(model, written, inputs[0].cpu())
    parted = "" if where is None or found is None or found.agree else where.parting.sentence
    return Export(
        written, written.stat().st_size, found, parted, named(model.signature.output),
        None if where is None else (where.changed, where.asked),
        replace(target, written, data, margin=margin) if margin else None,
    )  # fmt: skip


def golden(target: Target, /) -> tuple[Tensor, ...]:
    """The inputs that a bundle keeps with their answers, one tensor for each port.

    Raises:
        UsageError: there is no bundle, or it keeps none.
    """
    if isinstance(target, nn.Module):
        raise UsageError("a bare module keeps no examples; give the inputs to use")
    file = as_bundle(target).path / "golden.safetensors"
    if not file.exists():
        raise UsageError(f"{file.parent} keeps no examples; give the inputs to use")
    kept = read_tensors(file)
    return tuple(kept[f"input{number}"] for number in range(len(kept) - 1))
