"""An ONNX file: ours, whose signature is within, or anyone's, whose preparation is told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.replace.form import Facts, Stage
from cartograd.apps.replace.forms.signed_form import check_task, labels_of, said
from cartograd.apps.replace.prepared import ByPort, Preparation
from cartograd.apps.replace.told import ByTold, Told, told
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files.onnx_layers import tapped
from cartograd.engine.files.onnx_session import check_alone, named_session

TOLD = "preprocessing"
"""The metadata that hold what is told."""

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
         "tensor(int64)": np.int64, "tensor(int32)": np.int32,
         "tensor(uint8)": np.uint8}  # fmt: skip


class OnnxForm:
    """A file that onnxruntime runs.

    Args:
        path: the file.

    Raises:
        UsageError: it cannot be run, or nothing says how its examples are prepared.
    """

    def __init__(self, path: Path, /):
        check_alone(path)
        self.path, self.session = path, named_session(path)
        self.given = self.session.get_inputs()
        metadata = dict(self.session.get_modelmeta().custom_metadata_map)
        self.signature: Signature | None = None
        self.tokenizer = None
        self.told, self.before, labels = self._prepared(metadata)
        task = self.told.task if self.signature is None else self.signature.task.name
        self.facts = Facts(str(path), "ONNX file", labels, task, path.stat().st_size)

    def meet(self, source: Any, /) -> None:
        """Refuse texts where nothing cuts them into tokens.

        Raises:
            UsageError: there is no tokenizer beside the file.
        """
        if isinstance(source, str) and self.signature is not None and self.tokenizer is None:
            raise UsageError(f"{self.path} reads texts, and there is no tokenizer.json beside it")

    def answer(self, sources: Sequence[Any], /) -> Float[Tensor, "n k"]:
        """The probabilities, or values."""
        found = [self._said(self._run(part)) for part in self.before.parts(sources)]
        return torch.cat(found)

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """How the examples are read, and pass the layers that have names in the graph."""
        before = self.before.stages(sources)
        layers = [
            Stage(name, "normalise" if name == "normalise" else "layer", torch.from_numpy(x))
            for name, x in tapped(self.path)(self._taken(sources))
        ]
        if any(one.role == "normalise" for one in layers):  # what reaches the network counts
            before = [one for one in before if one.role != "normalise"]
        outputs = self._run(sources)
        head = [] if self._gives(outputs) == "probabilities" else [Stage("head", "head", outputs)]
        return [*before, *layers, *head, Stage("answer", "answer", self._said(outputs))]

    def _prepared(self, metadata: dict[str, str]) -> tuple[Told, Preparation, tuple[str, ...]]:
        """By the signature within, by what the metadata tell, or by the file beside."""
        beside = self.path.with_suffix(".toml")
        if beside.is_file() or TOLD in metadata:
            where = str(beside) if beside.is_file() else f"{self.path} ({TOLD})"
            text = beside.read_text(encoding="utf-8") if beside.is_file() else metadata[TOLD]
            made = self._sized(told(text, where))
            before = ByTold(made, self.path.parent, where)
            if made.gives != "values" and not made.labels:
                raise UsageError(f'{where}: [output] needs labels = [...], or gives = "values"')
            return made, before, made.labels
        if "signature" not in metadata:
            raise UsageError(
                f"nothing says how {self.path} wants its examples; write {beside.name} beside it "
                "with [input] and [output] (docs/guides/replacing-a-model.md)"
            )
        signature = Signature.from_json(json.loads(metadata["signature"]))
        check_task(str(self.path), signature)
        self.signature, self.tokenizer = signature, self._tokenizer(signature)
        before = ByPort(signature.input, self.tokenizer)
        return Told(gives="logits"), before, labels_of(signature)

    def _sized(self, made: Told) -> Told:
        """With height and width of the graph, where nobody said them."""
        if made.kind != "image" or made.size:
            return made
        shape = list(self.given[0].shape)
        places = shape[2:4] if made.layout == "chw" else shape[1:3]
        return replace(made, size=tuple(places)) if all(type(x) is int for x in places) else made

    def _tokenizer(self, signature: Signature) -> Any:
        """Of a model of texts, from the file beside."""
        file = self.path.parent / "tokenizer.json"
        if signature.input.kind != "text" or not file.is_file():
            return None
        return Tokenizer.from_json(file.read_text(encoding="utf-8"))

    def _taken(self, sources: Sequence[Any]) -> dict[str, np.ndarray]:
        x = self.before.read(sources).numpy()
        return {self.given[0].name: x.astype(TYPES.get(self.given[0].type, np.float32))}

    def _run(self, sources: Sequence[Any]) -> Tensor:
        """What the graph gives."""
        names = [one.name for one in self.session.get_outputs()]
        name = self.told.name or names[0]
        if name not in names:
            raise UsageError(f"{self.path} has no output {name!r}; expected {', '.join(names)}")
        try:
            found = self.session.run([name], self._taken(sources))[0]
        except Exception as error:  # onnxruntime's errors have no common class of their own
            line = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError(f"{self.path} cannot be run on these examples: {line}") from error
        x = torch.from_numpy(np.asarray(found, dtype=np.float64))
        return x[:, None] if x.ndim == 1 else x

    def _gives(self, outputs: Tensor) -> str:
        """What the numbers are: as it was told, or as they look."""
        if self.told.gives:
            return self.told.gives
        sums = torch.allclose(outputs.sum(1), torch.ones(1, dtype=outputs.dtype), atol=1e-3)
        return "probabilities" if sums and bool((outputs >= 0).all()) else "logits"

    def _said(self, outputs: Tensor) -> Float[Tensor, "n k"]:
        if self._gives(outputs) == "probabilities":
            both = outputs.shape[1] == 1 and len(self.facts.labels) == 2
            return torch.cat([1 - outputs, outputs], 1) if both else outputs
        return said(outputs, self.facts)
