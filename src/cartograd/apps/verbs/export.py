"""Export: the model as a file that other programs run, compared with the model itself."""

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.apps.answers.decisions import named
from cartograd.apps.load.pretrained import pretrained, specimens
from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target, as_bundle, as_signed
from cartograd.apps.replace.between import between
from cartograd.apps.replace.margin import Given, check_judge
from cartograd.apps.replace.replace import replace
from cartograd.apps.results.export import Export
from cartograd.apps.verbs.elsewhere import check_here
from cartograd.core.at_work import scratch_folder
from cartograd.core.build import build, hyperparameters, resolve
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.files import write_file
from cartograd.core.protocols import Exporter
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.files.onnx_session import BESIDE
from cartograd.engine.files.program import Program, check_code
from cartograd.engine.files.tensor_files import read_about, read_tensors
from cartograd.practice.deployment.coreml import MAC, check_machine
from cartograd.practice.deployment.onnx import copied
from cartograd.practice.deployment.optimised_onnx import listed
from cartograd.practice.deployment.parity import Beside, beside, reread, written_size
from cartograd.practice.deployment.parity import check as compare


@dataclass(frozen=True)
class Written:
    """What an exporter writes.

    Attributes:
        name: of the file or folder, where none is given.
        reader: the weights by which it is read again; empty where onnxruntime runs it.
        folder: whether it is a folder.
        program: how the name of a program ends, which is no form of a model for other verbs.
    """

    name: str
    reader: str = ""
    folder: bool = False
    program: str = ""


WRITTEN = {
    "onnx": Written("model.onnx"),
    "optimised-onnx": Written("model-optimised.onnx"),
    "torch-export": Written("model.pt2", program=".pt2"),
    "executorch": Written("model.pte", program=".pte"),
    "coreml": Written("model.mlpackage", folder=True, program=".mlpackage"),
    "huggingface": Written("huggingface", "hf", folder=True),
    "gguf-file": Written("model.gguf", "gguf"),
    "torchvision-file": Written("torchvision.safetensors", "torchvision"),
    "timm-folder": Written("timm", "timm", folder=True),
}
"""By the exporter's name."""

PLAIN, OPTIMISES = "onnx", "optimised-onnx"
"""The exporter of ONNX files, and the one that makes passes over their graphs."""


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
    """Write a model as a file, or as a folder.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one; of a bundle that is
            answered by its ONNX file, or of such a file, that is copied, or its graph optimised.
        path: the file to write, an older one of the name is replaced; or the folder to make.
        to: the exporter: `onnx`, `optimised-onnx`, `huggingface`, `gguf:type=q8_0`,
            `torchvision`, `timm`.
        check: inputs to run both on and compare, a tuple if the model takes several; True takes
            the golden inputs of the bundle.
        data: with a margin, on what it is judged; by default what the model was trained on.
        margin: how much worse the file may be, as of `replace`: `accuracy=0.5%`.

    Raises:
        UsageError: no such exporter, the model cannot be exported, the file cannot be written,
            `check` is True and there is no bundle, or there is a margin and nothing to judge by.
    """
    check_judge(data, margin)
    check_here(to)
    card, spec = resolve(to, kind="exporter")
    exporter: Exporter = build(spec, kind="exporter")
    program = WRITTEN.get(card.name, Written("")).program
    if program:
        _check_program(path, margin, program)
        if program == MAC and check is not False:
            check_machine()
    model = as_signed(target)
    inputs = golden(target) if check is True else check
    inputs = (inputs,) if isinstance(inputs, Tensor) else inputs
    inner = model.model
    optimises = card.name == OPTIMISES
    if isinstance(inner, Program) and card.name == PLAIN:
        written = copied(inner, path)
    else:
        if not optimises:
            check_code(model, "its weights")
        written = exporter(model, path)
    _keep_examples(target, written)
    asked = isinstance(inputs, tuple) or bool(margin)
    again = _again(card.name, written) if asked else None
    found = None
    if isinstance(inputs, tuple):
        given = tuple(one.to(model.output_mean.device) for one in inputs)
        found = (
            compare(*_raw(model, given, written)) if again is None
            else reread(model, again, written, given, exact=_exact(spec))
        )  # fmt: skip
    graph = listed(written) if optimises else None
    timed = _timed(model, written, inputs) if graph and isinstance(inputs, tuple) else ()
    where = None
    single = isinstance(inputs, tuple) and len(inputs) == 1
    if found is not None and isinstance(inputs, tuple) and single and not program:
        where = between(model, again or written, inputs[0].cpu())
    parted = "" if where is None or found is None or found.agree else where.parting.sentence
    return Export(
        written, written_size(written), found, parted, named(model.signature.output),
        None if where is None else (where.changed, where.asked),
        replace(target, again or written, data, margin=margin) if margin else None, graph, timed,
        _loads(card.name, written, model), None if where is None else where.pixels,
    )  # fmt: skip


def _keep_examples(target: Target, written: Path) -> None:
    """Beside an ONNX file the bundle's examples with its answers, for the slim runtime's check."""
    if written.suffix != ".onnx":
        return
    kept = written.with_suffix(BESIDE)
    kept.unlink(missing_ok=True)  # of another model
    if isinstance(target, nn.Module):
        return
    own = as_bundle(target).path / "golden.safetensors"
    if own.is_file():
        write_file(kept, own.read_bytes())


def _loads(name: str, written: Path, model: Signed) -> str:
    """How the library that it was written for makes the network."""
    if name == "timm-folder":
        return f"timm.create_model('local-dir:{written}', pretrained=True)"
    if name != "torchvision-file":
        return ""
    network, classes = read_about(written)["network"], model.signature.output.dims[-1]
    return f"torchvision.models.get_model({network!r}, num_classes={classes}), and its state dict"


def _check_program(path: str | Path, margin: Given, suffix: str) -> None:
    """Refuse what cannot be asked of programs.

    Raises:
        UsageError: a margin is given, or the name does not say what the file is.
    """
    if margin:
        raise UsageError(
            "a margin judges files that other verbs read, and a program is none of them; leave "
            "--margin out, or export to onnx"
        )
    if Path(path).suffix != suffix:
        raise UsageError(f"{path} does not end in {suffix}, by which its runtime knows it")


def _exact(spec: Spec) -> bool:
    """Whether an exporter keeps weights as they are; one with a `type` may round them."""
    card, full = resolve(spec, kind="exporter")
    own = hyperparameters(card).get("type")
    return own is None or full.args.get("type", own.default) == "f32"


def _again(name: str, path: Path) -> Signed | None:
    """The model as it is read from what was written; None where onnxruntime runs that."""
    reader = WRITTEN[name].reader if name in WRITTEN else ""
    return pretrained(Spec(reader, {}, str(path))) if reader else None


def place(to: str, home: Path, given: Path | None, /) -> Path:
    """Where an exporter writes, looked at before the work.

    Args:
        to: the exporter.
        home: the folder of the run.
        given: the file or folder that is asked for, if one is.

    Raises:
        UsageError: there is no such exporter, or it cannot write there.
    """
    check_here(to)
    card, _ = resolve(to, kind="exporter")
    usual = WRITTEN.get(card.name, Written(f"model.{card.name}"))
    path = given or home / usual.name
    if usual.folder and path.exists():
        raise UsageError(f"{path} exists already; choose another folder or remove it")
    if not usual.folder and path.is_dir():
        raise UsageError(f"{path} is a folder; expected a file to write")
    return path


def _raw(
    model: Signed, inputs: tuple[Tensor, ...], written: Path
) -> tuple[nn.Module, Path, tuple[Tensor, ...]]:
    """What to compare, and on what: of a file that is told how it wants its examples, itself."""
    graph = next((part for part in model.modules() if isinstance(part, Program)), None)
    if graph is None or graph is model.model:
        return model, written, inputs
    seen: list[tuple[Tensor, ...]] = []
    hook = graph.register_forward_pre_hook(lambda _, given: seen.append(given))
    try:
        with inferring(model):
            model(*inputs)
    finally:
        hook.remove()
    return graph, written, seen[0]


def _timed(model: Signed, written: Path, inputs: tuple[Tensor, ...]) -> tuple[Beside, ...]:
    """The file as it would be without passes over its graph, and as it is."""
    part, _, given = _raw(model, inputs, written)
    program = next((one for one in model.modules() if isinstance(one, Program)), None)
    if program is not None:
        return beside(program.path, written, given)
    with scratch_folder() as (folder, _):
        return beside(build(PLAIN, kind="exporter")(part, folder / "plain.onnx"), written, given)


def golden(target: Target, /) -> tuple[Tensor, ...]:
    """The inputs that a bundle keeps with their answers, a tensor for each port.

    Of an ONNX file they are some that its ports allow.

    Raises:
        UsageError: there is no bundle, or it keeps none.
    """
    if not isinstance(target, nn.Module) and (found := as_bundle(target)).path.is_file():
        return specimens(found.signature)
    if isinstance(target, nn.Module):
        raise UsageError("a bare module keeps no examples; give the inputs to use")
    file = as_bundle(target).path / "golden.safetensors"
    if not file.exists():
        raise UsageError(f"{file.parent} keeps no examples; give the inputs to use")
    kept = read_tensors(file)
    return tuple(kept[f"input{number}"] for number in range(len(kept) - 1))
