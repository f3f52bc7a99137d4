"""An ONNX file: ours, whose signature is within, or anyone's, whose preparation is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.onnx_file import described
from cartograd.apps.load.told import Told
from cartograd.apps.replace.by_told import ByTold
from cartograd.apps.replace.form import Facts, Stage
from cartograd.apps.replace.forms.signed_form import check_task, labels_of, said
from cartograd.apps.replace.prepared import ByPort, Preparation
from cartograd.core.errors import UsageError
from cartograd.engine.files.onnx_layers import tapped
from cartograd.engine.files.onnx_parts import whole_size
from cartograd.engine.files.onnx_session import TYPES, named_session


class OnnxForm:
    """A file that onnxruntime runs.

    Args:
        path: the file.

    Raises:
        UsageError: it cannot be run, or nothing says how its examples are prepared.
    """

    def __init__(self, path: Path, /):
        size = whole_size(path)
        self.path, self.session = path, named_session(path)
        self.given = self.session.get_inputs()
        known = described(path, self.session)
        self.signature, self.tokenizer = known.signature, known.tokenizer
        self.told = known.said or Told(gives="logits")
        self.before: Preparation
        if self.signature is None:
            self.before, labels = ByTold(self.told, path.parent, known.where), self.told.labels
        else:
            check_task(str(path), self.signature)
            self.before = ByPort(self.signature.input, self.tokenizer)
            labels = labels_of(self.signature)
        task = self.told.task if self.signature is None else self.signature.task.name
        self.facts = Facts(str(path), "ONNX file", labels, task, size)

    def meet(self, source: Any, /) -> None:
        """Refuse texts where nothing cuts them into tokens.

        Raises:
            UsageError: there is no tokenizer beside the file.
        """
        if isinstance(source, str) and self.signature is not None and self.tokenizer is None:
            raise UsageError(
                f"{self.path} reads texts, and there is no tokenizer in it, nor a tokenizer.json "
                "beside it"
            )

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
