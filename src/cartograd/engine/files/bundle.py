"""A bundle: a trained model as plain files, without code and without pickle.

weights.safetensors     state dict of the inner model (without standardisation: that is in the
                        signature)
model.onnx              the same as a graph, of a module that cannot be built by name
spec.json               how the model is made, by name; null for a foreign module
sizes.json              of a pruned model, all sizes that are not those of its spec
signature.json          what it takes and gives: sizes, bounds, standardisation, labels
tokenizer.json          what turns text into its numbers; models of text only
metrics.json            what was measured
about.json              versions, date and what else the caller says
card.md                 the same for a reader
reference.safetensors   statistics of the inputs it was trained on, to notice drift
golden.safetensors      a few inputs and the model's answers, compared again at each load
manifest.json           size and BLAKE3 of each of these files
"""

import json
import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

import cartograd
from cartograd.core import plugins, user_code
from cartograd.core.errors import UsageError
from cartograd.core.files import write_folder, write_manifest
from cartograd.core.narrowed import Narrowing, narrow, narrowing_of
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed, check_one, sign
from cartograd.core.spec import Spec
from cartograd.engine.files.bundle_card import model_card
from cartograd.engine.files.documents import document
from cartograd.engine.files.found import found, verified
from cartograd.engine.files.golden import answered, check_answers
from cartograd.engine.files.mapped_tensors import adopt, leave, mapped_tensors
from cartograd.engine.files.program import FILE, program
from cartograd.engine.files.rebuild import made
from cartograd.engine.files.tensor_files import (
    check_state,
    load_into,
    plain_names,
    read_about,
    read_tensors,
    write_tensors,
)

LARGE = 2**24
"""Bytes of weights from which they stay in their file until they are read."""

SIZES = "sizes"
"""What the file is called that lists a pruned model's sizes."""


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and verified.

    Attributes:
        model: in evaluation mode, on the CPU.
        signature: its inputs and outputs.
        spec: how it was made; None for a foreign module.
        metrics: what was measured when it was written.
        about: versions, date and what else was said.
        digest: BLAKE3 of the manifest, which names the bundle's exact content.
        path: its folder.
        reference: statistics of the training inputs.
    """

    model: Signed
    signature: Signature
    spec: Spec | None
    metrics: dict[str, Any]
    about: dict[str, Any]
    digest: str
    path: Path
    reference: dict[str, Tensor] = field(default_factory=dict)


def write_bundle(
    path: str | Path,
    model: Signed,
    /,
    *,
    metrics: Mapping[str, Any] | None = None,
    examples: Shaped[Tensor, "n ..."] | tuple[Tensor, ...] | None = None,
    about: Mapping[str, Any] | None = None,
    reference: Mapping[str, Tensor] | None = None,
    onnx: Path | None = None,
    replace: bool = False,
) -> Path:
    """Write a model as a bundle; whole or not at all.

    Args:
        path: the folder to make.
        model: with its signature (`cartograd.sign` gives one to any module).
        metrics: what was measured, as JSON types.
        examples: inputs as in the input port, before standardisation (a tuple if there are
            several ports): the first few become the golden ones.
        about: what to say of the model besides (data, command, ...), as JSON types.
        reference: statistics of the training inputs; those of `examples` if not given.
        onnx: an ONNX file of the model, to keep a copy of beside its weights.
        replace: put it in the place of a bundle that is there.

    Raises:
        UsageError: the folder exists, cannot be written, or the model gives no finite answers.
    """
    if not isinstance(model, Signed):
        raise UsageError(
            f"a bundle needs a model with a signature, got {type(model).__name__}; wrap it: "
            "cartograd.sign(model, signature)"
        )
    inputs = (examples,) if isinstance(examples, Tensor) else tuple(examples or ())
    golden = answered(model, inputs) if inputs else {}
    if reference is None:
        reference = statistics(inputs[0]) if inputs else {}
    documents = _documents(model, metrics, about)
    with write_folder(path, replace=replace) as folder:
        write_tensors(folder / "weights.safetensors", plain_names(model.model.state_dict()))
        if onnx is not None:
            shutil.copyfile(onnx, folder / FILE)
        if model.tokenizer is not None:
            (folder / "tokenizer.json").write_text(model.tokenizer.to_json(), encoding="utf-8")
        if reference:
            write_tensors(folder / "reference.safetensors", reference)
        if golden:
            write_tensors(folder / "golden.safetensors", golden)
        for name, value in documents.items():
            text = json.dumps(value, indent=1, ensure_ascii=False)
            (folder / f"{name}.json").write_text(text, encoding="utf-8")
        (folder / "card.md").write_text(model_card(model, documents), encoding="utf-8")
        write_manifest(folder)
    return Path(path)


def _documents(
    model: Signed, metrics: Mapping[str, Any] | None, about: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What is written as JSON, by the names of the files."""
    said = {
        "cartograd": cartograd.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "parameters": sum(p.numel() for p in model.parameters()),
    } | dict(about or {})
    if model.output is not None:
        said["output"] = model.output
    said |= user_code.noted(model.model)
    imports = plugins.needed(model.spec)
    if imports:
        said["imports"] = imports
    documents = {
        "spec": None if model.spec is None else model.spec.to_json(),
        "signature": model.signature.to_json(),
        "metrics": dict(metrics or {}),
        "about": said,
    }
    if (narrowing := narrowing_of(model.model)) is not None:
        documents[SIZES] = narrowing.to_json()
    return documents


@torch.inference_mode(False)  # weights of that mode would never get a gradient
def load(path: str | Path, /, *, model: nn.Module | None = None) -> Bundle:
    """Read a bundle, verify every byte, rebuild its model and compare its golden answers.

    Args:
        path: a bundle folder, or a run folder that holds one.
        model: the module to fill, for the bundle of a foreign one; built by name otherwise, or
            answered by its ONNX file, which has no gradients.

    Raises:
        UsageError: there is no bundle; a byte of it was changed; its model cannot be built by name
            and none is given; weights differ in names or shapes, its tokenizer in vocabulary, the
            model in what it takes or gives from its signature, or in its answers from before.
    """
    folder = found(Path(path))
    digest = verified(folder)
    documents = {name: document(folder, name) for name in ("spec", "signature", "metrics", "about")}
    signature = Signature.from_json(documents["signature"])
    if not (signature.inputs and signature.outputs):
        raise UsageError(f"{folder} is damaged: its signature lacks inputs or outputs")
    spec = None if documents["spec"] is None else Spec.from_json(documents["spec"])
    if model is None:
        plugins.require(documents["about"].get("imports", ()), folder)
    if model is None and spec is None and user_code.named() is None and (folder / FILE).exists():
        signed, weights = program(folder, signature), {}
    else:
        if model is None and spec is None:
            model = user_code.required(folder, documents["about"])
        output, own = documents["about"].get("output"), model is None
        weights, stays = _weights(folder / "weights.safetensors", own)
        signed = _rebuild(
            spec, signature, model, weights, output=output, folder=folder, sizes=_sizes(folder),
            blank=not stays,
        )  # fmt: skip
        if stays:
            adopt(signed.model, check_state(signed.model, weights, str(folder)))
        load_into(signed.model, weights, str(folder))
    signed.eval()
    signed.tokenizer = _tokenizer(folder, signature)
    leave(weights)  # what was only read to be parsed
    _check_fits(folder, signed)
    check_answers(folder, signed)
    leave(weights)  # what the checks have read
    file = folder / "reference.safetensors"
    reference = read_tensors(file) if file.exists() else {}
    metrics, about = documents["metrics"], documents["about"]
    return Bundle(signed, signature, spec, metrics, about, digest, folder, reference)


def statistics(inputs: Shaped[Tensor, "n ..."], /) -> dict[str, Tensor]:
    """Count, mean, standard deviation, least and largest of each input number."""
    values = inputs.double()
    return {
        "count": torch.tensor(len(inputs)),
        "mean": values.mean(0).float(),
        "std": values.std(0, correction=0).float(),
        "min": values.amin(0).float(),
        "max": values.amax(0).float(),
    }


def _weights(file: Path, own: bool) -> tuple[dict[str, Any], bool]:
    """The weights, and whether they stay in the file: those of our own models, if they are large.

    A bundle is replaced as a whole and never written into.
    """
    large = own and file.is_file() and file.stat().st_size >= LARGE
    if large and "extra" not in read_about(file):
        return dict(mapped_tensors(file)), True
    return read_tensors(file), False


def _rebuild(
    spec: Spec | None,
    signature: Signature,
    model: nn.Module | None,
    weights: dict[str, Tensor],
    *,
    output: Any,
    folder: Path,
    sizes: Narrowing | None,
    blank: bool,
) -> Signed:
    if model is not None:
        if sizes is not None and narrowing_of(model) is None:
            narrow(model, sizes, str(folder))
        return sign(model, signature, spec=spec, output=output)
    if spec is None:
        raise UsageError(f"{folder}: its model is a module of its writer's; give it as model=")
    with torch.random.fork_rng(devices=[]):
        return made(spec, signature, weights, str(folder), sizes, blank=blank)


def _sizes(folder: Path) -> Narrowing | None:
    """The sizes of a pruned model, or None."""
    if not (folder / f"{SIZES}.json").is_file():
        return None
    return Narrowing.from_json(document(folder, SIZES), str(folder))


def _check_fits(folder: Path, signed: Signed) -> None:
    """One example of what the signature says; a foreign model had it when it was signed."""
    if signed.spec is None:
        return
    with torch.random.fork_rng(devices=[]):
        try:
            check_one(signed)
        except UsageError as error:
            raise UsageError(f"{folder}: signature and network do not fit: {error}") from error


def _tokenizer(folder: Path, signature: Signature) -> Any:
    """The tokenizer, or None.

    The engine knows no data: the class is found by its name, as methods are by theirs.
    """
    file = folder / "tokenizer.json"
    if not file.is_file() and signature.output.labels[:1] == ("0x00",):
        return import_module("cartograd.data.text.tokenizer").Tokenizer.bytes()  # before 0.2
    if not file.exists():
        return None
    made = import_module("cartograd.data.text.tokenizer").Tokenizer.from_json(
        json.dumps(document(folder, "tokenizer"))
    )
    for port in signature.inputs:
        if port.kind == "text":
            made.check(port)
    return made
