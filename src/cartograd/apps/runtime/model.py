"""An ONNX file of ours as a model that answers: read, checked by its examples, and asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from json import loads
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from cartograd.apps.answers.given import Answer
from cartograd.apps.results.answers import Answers
from cartograd.apps.results.heard import Heard
from cartograd.apps.verbs.prepared import of_texts, prepared, why_none
from cartograd.core.errors import UsageError
from cartograd.core.files import hashed
from cartograd.core.ports import Signature
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files.onnx_session import BESIDE, Run, named_session, running

TASKS = ("classify", "regress")
"""What it answers; the whole package answers more."""

KINDS = ("image", "table", "text", "vector")
"""What it reads."""

WITHIN = 1e-3
"""How far an answer may be from the one that is kept, as a share of the largest: as of bundles."""

ROWS = 256
"""How many examples go through at once."""


@dataclass(frozen=True)
class Outputs:
    """What was computed for a batch, and how it is to be told."""

    signature: Signature
    outputs: Shaped[np.ndarray, "b ..."]
    top: int | None
    spread: None = None


@dataclass(frozen=True)
class Model:
    """A model by its file.

    Attributes:
        name: of the file.
        digest: BLAKE3 of the file.
        signature: what it takes and gives.
        tokenizer: what turns text into its numbers, for models of text.
        run: computes outputs of inputs.
        checked: how many examples it was compared on; 0 where none are kept beside it.
    """

    name: str
    digest: str
    signature: Signature
    tokenizer: Any
    run: Run
    checked: int = 0

    def identity(self) -> dict[str, Any]:
        """Name and digest, for responses."""
        return {"name": self.name, "digest": self.digest}

    def answers(self, x: Shaped[np.ndarray, "b ..."], top: int | None, /) -> Sequence[Answer]:
        """An answer for each example, as the whole package makes them."""
        outputs = self.run([x])
        made = import_module(self.signature.task.answer)
        return made.answers(Outputs(self.signature, outputs, top))

    def predict(self, x: Shaped[np.ndarray, "b ..."], /, **chosen: Any) -> list[Any]:
        """The same as JSON types.

        Raises:
            UsageError: something is asked for that only the whole package does.
        """
        top = chosen.pop("top", None)
        if chosen:
            raise UsageError(
                f"{next(iter(chosen))}= is not known to the runtime; leave it out, or ask the "
                "whole package (pip install cartograd)"
            )
        return [answer.to_json() for answer in self.answers(x, top)]


def load(path: str | Path, /) -> Model:
    """Read a file, and compare its answers with those that are kept beside it.

    Raises:
        UsageError: there is none, it was not written by `cartograd export --to onnx`, is of a task
            or reads what the runtime does not, or gives other answers than it did.
    """
    path = _file(Path(path))
    made = named_session(path)
    told = dict(made.get_modelmeta().custom_metadata_map)
    if "signature" not in told:
        raise UsageError(
            f"nothing in {path} says how it wants its examples; write it by cartograd export "
            "RUN --to onnx"
        )
    try:
        signature = Signature.from_json(loads(told["signature"]))
    except ValueError as error:
        raise UsageError(f"{path} is damaged: {error}") from error
    _check_known(path, signature)
    tokenizer = Tokenizer.from_json(told["tokenizer"]) if "tokenizer" in told else None
    run = running(made, path)
    kept = path.with_suffix(BESIDE)
    checked = _checked(run, kept) if kept.is_file() else 0
    return Model(path.stem, hashed(path), signature, tokenizer, run, checked)


def predict(model: Model, sources: Any, /, *, top: int = 3) -> Answers:
    """Answers of a model for files, rows, texts and numbers, as `cartograd.predict` gives them.

    What cannot be read is told in `refused`, and the others are answered.

    Raises:
        UsageError: nothing can be read.
    """
    if top < 1:
        raise UsageError(f"top={top} is out of range; expected at least 1")
    heard = Heard(strict=False)

    def ask(x: Any) -> Sequence[Answer]:
        return model.answers(x, top)

    if model.signature.input.kind == "text" and not isinstance(sources, np.ndarray):
        named = tuple(of_texts(model, ask, sources, heard))
    else:
        inputs, names = prepared(model, sources, heard)
        rows = (inputs[start : start + ROWS] for start in range(0, len(inputs), ROWS))
        named = tuple(zip(names, [one for x in rows for one in ask(x)], strict=True))
    if heard.refused and not named:
        raise UsageError(why_none(heard.refused))
    return Answers(named, notes=heard.notes, refused=heard.refused)


def _file(path: Path) -> Path:
    """The file, or that in the folder of a run.

    Raises:
        UsageError: it is not there.
    """
    if path.is_dir():
        inside = path / "model.onnx"
        if not inside.is_file():
            raise UsageError(
                f"{path} holds no model.onnx; write it by cartograd export {path} --to onnx"
            )
        return inside
    if not path.is_file():
        raise UsageError(f"{path} does not exist; expected an ONNX file")
    return path


def _check_known(path: Path, signature: Signature) -> None:
    task = signature.task.name
    if task not in TASKS:
        raise UsageError(
            f"{path} answers the task {task!r}, and the runtime answers {' and '.join(TASKS)}; "
            "ask the whole package (pip install cartograd)"
        )
    port, given = signature.input, ", ".join(one.kind for one in signature.inputs)
    if len(signature.inputs) != 1 or port.kind not in KINDS or _encodes(signature):
        raise UsageError(
            f"{path} takes {given}, and the runtime reads "
            f"one input of {', '.join(KINDS)}; ask the whole package (pip install cartograd)"
        )


def _encodes(signature: Signature) -> bool:
    """Whether another network makes features of texts in a table."""
    return any(column.encoder not in ("", "hash", None) for column in signature.input.columns)


def _checked(run: Run, kept: Path) -> int:
    """How many examples are answered as they were.

    Raises:
        UsageError: one is not, or the file cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(kept)
        expected = tensors.pop("output")
        found = run([tensors[f"input{number}"] for number in range(len(tensors))])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UsageError(f"{kept} keeps no examples with answers: {error}") from error
    if found.shape != expected.shape:
        worst = f"shape {found.shape} instead of {expected.shape}"
    else:
        same = found == expected  # a class may be ruled out by minus infinity, in both
        difference = float(np.abs(np.where(same, 0, found) - np.where(same, 0, expected)).max())
        finite = np.abs(expected[np.isfinite(expected)])
        if difference <= WITHIN * max(1.0, float(finite.max(initial=0))):
            return len(expected)
        worst = f"largest difference {difference:.3g}"
    raise UsageError(
        f"{kept.name} keeps other answers than the file beside it gives ({worst}); export both anew"
    )
