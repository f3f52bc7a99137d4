"""An ONNX file as a target: ours, whose signature is within, or anyone's, of which it is told.

What it is told stands in its metadata or beside it (`apps.load.told`). The answer is that of
onnxruntime; there are no gradients and no weights, and what needs them says so.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cartograd.apps.load.as_told import model_as_told
from cartograd.apps.load.told import Told, check_whole, told
from cartograd.core.errors import UsageError
from cartograd.core.paths import is_there
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed, check_one, whole
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.files.onnx_parts import parts, whole_hash
from cartograd.engine.files.onnx_session import TOLD, named_session
from cartograd.engine.files.program import Program


@dataclass(frozen=True)
class Described:
    """What is known of an ONNX file.

    Attributes:
        signature: that of a file of ours.
        said: of one of anyone's what was told.
        where: that stands.
        tokenizer: of a file of ours that reads texts, if it is within or beside it.
        parameters: how many weights it has, if it says.
    """

    signature: Signature | None = None
    said: Told | None = None
    where: str = ""
    tokenizer: Any = None
    parameters: int = 0


def onnx_file(path: Path, /) -> Bundle:
    """The target that a file is, once it has been tried on an example.

    Raises:
        UsageError: it is not there, cannot be run, nothing says how it wants its examples, or it
            does not take or give what was said.
    """
    if not is_there(path):
        raise UsageError(f"{path} does not exist; expected an ONNX file")
    beside = parts(path)
    made = named_session(path)
    known = described(path, made)
    if known.signature is not None:
        names = [one.name for one in made.get_inputs()]
        if len(names) != len(known.signature.inputs):
            raise UsageError(
                f"{path} takes {', '.join(names)}, and its signature names "
                f"{len(known.signature.inputs)} inputs: it was changed since it was written"
            )
        model = whole(Program(path, made, beside=beside), known.signature)
        model.tokenizer = known.tokenizer
    else:
        assert known.said is not None
        model = model_as_told(path, made, known.said, known.where)
    _check(path, model)
    about = {"onnx": str(path), "parameters": known.parameters}
    return Bundle(model, model.signature, None, {}, about, whole_hash(path, beside), path)


def described(path: Path, made: Any, /) -> Described:
    """By the signature within, by what the metadata tell, or by the file beside.

    Args:
        path: the file.
        made: the same as onnxruntime has it.

    Raises:
        UsageError: nothing says how it wants its examples.
    """
    metadata = dict(made.get_modelmeta().custom_metadata_map)
    beside = path.with_suffix(".toml")
    if beside.is_file() or TOLD in metadata:
        where = str(beside) if beside.is_file() else f"{path} ({TOLD})"
        text = beside.read_text(encoding="utf-8") if beside.is_file() else metadata[TOLD]
        said = _sized(told(text, where), made)
        check_whole(said, where)
        return Described(said=said, where=where)
    if "signature" not in metadata:
        raise UsageError(
            f"nothing says how {path} wants its examples; write {beside.name} beside it "
            "with [input] and [output] (docs/guides/replacing-a-model.md)"
        )
    signature = Signature.from_json(json.loads(metadata["signature"]))
    count = metadata.get("parameters", "")
    return Described(
        signature,
        tokenizer=_tokenizer(path, metadata, signature),
        parameters=int(count) if count.isdecimal() else 0,
    )


def _sized(said: Told, made: Any) -> Told:
    """With height and width of the graph, where nobody said them."""
    if said.kind != "image" or said.size:
        return said
    shape = list(made.get_inputs()[0].shape)
    places = shape[2:4] if said.layout == "chw" else shape[1:3]
    return replace(said, size=tuple(places)) if all(type(x) is int for x in places) else said


def _tokenizer(path: Path, metadata: dict[str, str], signature: Signature) -> Any:
    """Of a model of texts: within, or in the file beside."""
    file = path.parent / "tokenizer.json"
    if signature.input.kind != "text":
        return None
    if "tokenizer" in metadata:
        return Tokenizer.from_json(metadata["tokenizer"])
    return Tokenizer.from_json(file.read_text(encoding="utf-8")) if file.is_file() else None


def _check(path: Path, model: Signed) -> None:
    """One example of what was said.

    Raises:
        UsageError: the file does not take or give it.
    """
    model.eval()
    try:
        check_one(model)
    except UsageError as error:
        raise UsageError(f"{path}: what is said of it and the graph do not fit: {error}") from error
