"""Core ML: a model as a package that apps on iPhones and Macs run.

The graph that torch.export writes is translated into Apple's intermediate language and written as
an `.mlpackage`, a folder, with the ports under their own names. Sizes that the signature leaves
free get an upper bound: batches of up to `batch_size`, texts of up to `context` tokens.

    f_mlpackage(x) = f_torch(x) up to rounding, for any batch size up to the bound

The signature is kept in the package's metadata, as JSON.

Departures: none; the translation is coremltools'. It runs on Linux too, but what it wrote is run by
macOS alone: elsewhere the package is held against the signature (names, sizes, types of its ports),
and `--check` is refused.

References:
    Apple. coremltools: convert models from third-party libraries to Core ML. 2017.
    https://apple.github.io/coremltools/

>>> from cartograd.core.ports import Port
>>> named("price (€)", 1), named("image", 1)
('price____', 'image')
"""

import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, first_line
from cartograd.core.files import write_folder
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.engine.files.onnx_session import Run
from cartograd.engine.files.program import check_code
from cartograd.practice.deployment.outside import check_package, quiet
from cartograd.practice.deployment.traced import BATCH, traced

CARD = Card(
    name="coreml",
    kind="exporter",
    entry="coreml",
    aliases=("core-ml", "mlpackage"),
    nodes=("deploy/hardware",),
    title="Core ML, for iPhones and Macs",
    zh="Core ML（苹果设备）",
    paper="coremltools: convert models from third-party libraries to Core ML",
    year=2017,
    url="https://apple.github.io/coremltools/",
    proofs=(
        "law: what is handed to the converter answers as the model, its ports have the signature's "
        "names and bounds, and the signature is in the package",
    ),
    needs="coremltools",
)

PACKAGE = "coremltools"
FILES = "packages of Core ML"
INSTEAD = (
    "export --to torch-export, and where it is installed "
    "coremltools.convert(torch.export.load('model.pt2').run_decompositions({}))"
)
"""What makes the packages, and how to come to one without it here."""

MAC = ".mlpackage"
"""How the names of the packages end."""

UNREPEATED = ("com.github.apple.coremltools.conversion_date",)
"""Metadata that differ from day to day."""


def coreml(
    model: nn.Module, path: str | Path, /, *, batch_size: int = 8, context: int = 128
) -> Path:
    """Write a model as a package of Core ML's.

    The folder is written whole or not at all, and the model is left as it is.

    Args:
        model: anything with a signature.
        path: the folder to make, an .mlpackage.
        batch_size: most examples that the package takes at once.
        context: the largest size of each dimension that the signature leaves free, such as the
            length of a text.

    Raises:
        UsageError: the package is not installed, the model has no signature, cannot be traced or
            translated, what came of it has other ports, or the folder exists or cannot be written.
    """
    signed = model if isinstance(model, Signed) else sign(model, signature_of(model))
    check_package(PACKAGE, files=FILES, instead=INSTEAD)
    check_code(signed, "its operations")
    letters = {dim for port in signed.signature.inputs for dim in port.dims if isinstance(dim, str)}
    program = traced(signed, most={BATCH: batch_size} | dict.fromkeys(letters, context))
    with write_folder(path) as folder:
        _translated(program, signed, folder)
    return Path(path)


def check_machine() -> None:
    """Refuse to run a package where nothing does.

    Raises:
        UsageError: this is no Mac, or coremltools is not installed.
    """
    check_package(PACKAGE, files=FILES, instead=INSTEAD)
    if sys.platform != "darwin":
        raise UsageError(
            "packages of Core ML are run by macOS alone: leave --check out here (names and sizes "
            "are held against the signature all the same), and check on a Mac"
        )


def running(path: Path, /) -> Run:
    """A function that runs a package, on macOS.

    Args:
        path: an .mlpackage.

    Raises:
        UsageError: this is no Mac, or it is no package.
    """
    check_machine()
    with quiet():
        import coremltools  # pyright: ignore[reportMissingImports]

        try:
            made = coremltools.models.MLModel(str(path))
        except Exception as error:  # its errors have no common class of their own
            raise UsageError(f"{path} is no package of Core ML's: {first_line(error)}") from error
    spec = made.get_spec()
    given = [one.name for one in spec.description.input]
    answer = spec.description.output[0].name

    def run(arrays: list[np.ndarray]) -> np.ndarray:
        return np.asarray(made.predict(dict(zip(given, arrays, strict=True)))[answer])

    return run


def signature_in(path: str | Path, /) -> Signature:
    """The signature that a package carries.

    Raises:
        UsageError: coremltools is not installed, or the folder is none that was written here.
    """
    check_package(PACKAGE, files=FILES, instead=INSTEAD)
    with quiet():
        import coremltools  # pyright: ignore[reportMissingImports]

        try:
            spec = coremltools.models.MLModel(str(path), skip_model_load=True).get_spec()
            kept = json.loads(spec.description.metadata.userDefined["signature"])
        except Exception as error:
            raise UsageError(
                f"{path} is no package of Core ML's with a signature: {first_line(error)}"
            ) from error
    return Signature.from_json(kept)


def named(name: str, number: int, /) -> str:
    """The name of a port as the language of Core ML can say it.

    Args:
        name: of the port.
        number: which one it is, for a name that has no letter.
    """
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return plain if plain[:1].isalpha() else f"port_{number}{plain}"


def _translated(program: Any, signed: Signed, folder: Path) -> None:
    """Write the package into a folder."""
    ports = signed.signature
    names = [named(port.name, n) for n, port in enumerate((*ports.inputs, *ports.outputs))]
    names = [f"{one}_{n}" if one in names[:n] else one for n, one in enumerate(names)]
    with quiet():
        import coremltools as ct  # pyright: ignore[reportMissingImports]

        try:
            made = ct.convert(
                program.run_decompositions({}),
                outputs=[ct.TensorType(name=one) for one in names[len(ports.inputs) :]],
                compute_precision=ct.precision.FLOAT32,
                minimum_deployment_target=ct.target.iOS17,
                skip_model_load=True,
            )
            spec = made.get_spec()
            given = [one.name for one in spec.description.input]
            for old, new in zip(given, names, strict=False):
                ct.utils.rename_feature(spec, old, new)
            about = spec.description.metadata.userDefined
            for key in [one for one in UNREPEATED if one in about]:
                del about[key]
            about["signature"] = json.dumps(ports.to_json(), ensure_ascii=False)
            _check_ports(spec, names, signed)
            whole = ct.models.MLModel(spec, weights_dir=made.weights_dir, skip_model_load=True)
            whole.save(str(folder / f"model{MAC}"))
        except UsageError:
            raise
        except Exception as error:  # its errors have no common class of their own
            raise UsageError(
                f"coremltools cannot translate {type(signed.model).__name__}: {first_line(error)}"
            ) from error
    inner = folder / f"model{MAC}"
    _same_every_time(inner / "Manifest.json")
    for part in inner.iterdir():
        part.rename(folder / part.name)
    inner.rmdir()


def _same_every_time(manifest: Path) -> None:
    """Numbers that were drawn for the parts of a package, in the order in which they stand."""
    text = manifest.read_text(encoding="utf-8")
    items = json.loads(text)["itemInfoEntries"]
    for old, item in items.items():
        text = text.replace(old, str(uuid.uuid5(uuid.NAMESPACE_URL, item["path"])).upper())
    told = json.loads(text)
    told["itemInfoEntries"] = dict(sorted(told["itemInfoEntries"].items()))
    manifest.write_text(json.dumps(told, indent=4, sort_keys=True) + "\n", encoding="utf-8")


def _check_ports(spec: Any, names: list[str], signed: Signed) -> None:
    """Hold what came of the translation against the signature.

    Raises:
        UsageError: names, or sizes that are fixed, differ.
    """
    told = [*spec.description.input, *spec.description.output]
    if [one.name for one in told] != names:
        raise UsageError(
            f"coremltools gave ports {', '.join(one.name for one in told)}; expected "
            f"{', '.join(names)}: a model that leaves an input unread cannot be exported"
        )
    for one, port in zip(spec.description.input, signed.signature.inputs, strict=True):
        sizes = list(one.type.multiArrayType.shape)[1:]
        for size, dim in zip(sizes, port.dims, strict=True):
            if isinstance(dim, int) and size != dim:
                raise UsageError(f"coremltools gave {port.name!r} a size of {size} for {dim}")
