"""The model of an ONNX file of anyone, behind a port of ours: as it was told."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.apps.load.told import Told, tokenizer_of
from cartograd.core.column import Column
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.engine.files.program import Program

TINY = 1e-30
"""The least probability whose logarithm is taken."""


class AsTold(nn.Module):
    """A graph that gets pixels or numbers as it wants them, and whose answer becomes logits.

    Args:
        graph: the file.
        said: what it wants, and what it gives.

    Shapes: as the port that `model_as_told` makes, to logits `b k` or values `b k`.
    """

    def __init__(self, graph: nn.Module, said: Told, /):
        super().__init__()
        self.graph, self.said = graph, said

    def forward(self, x: Shaped[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """The logits, or values."""
        said = self.said
        if said.kind == "image":
            x = (x.flip(1) if said.order == "BGR" else x) * (255 / said.scale)
        if said.mean:
            shape = (1, -1, *[1] * (x.ndim - 2))
            mean, std = (torch.tensor(one, device=x.device).reshape(shape)
                         for one in (said.mean, said.std))  # fmt: skip
            x = (x - mean) / std
        x = x.movedim(1, -1) if said.kind == "image" and said.layout == "hwc" else x
        answer = self.graph(x).float()
        answer = answer[:, None] if answer.ndim == 1 else answer
        return self._logits(answer) if self._gives(answer) == "probabilities" else answer

    def _gives(self, answer: Tensor) -> str:
        """What the numbers are: as it was told, or as they look."""
        if self.said.gives:
            return self.said.gives
        sums = torch.allclose(answer.sum(1), torch.ones(1), atol=1e-3)
        return "probabilities" if sums and bool((answer >= 0).all()) else "logits"

    def _logits(self, answer: Tensor) -> Tensor:
        """Of probabilities: each by itself where several classes may hold, or one is given."""
        if self.said.task == "multi-label" or answer.shape[1] == 1:
            return answer.clamp(TINY, 1).log() - (1 - answer).clamp(TINY, 1).log()
        return answer.clamp_min(TINY).log()


def model_as_told(path: Path, made: Any, said: Told, where: str, /) -> Signed:
    """The model with its signature.

    Args:
        path: the file.
        made: the same as onnxruntime has it.
        said: what was told.
        where: that stands, for errors.

    Raises:
        UsageError: what was told does not make a port, or the graph takes several inputs.
    """
    given = made.get_inputs()
    if len(given) != 1:
        names = ", ".join(one.name for one in given)
        raise UsageError(f"{path} takes {len(given)} inputs ({names}); expected one")
    tokenizer = tokenizer_of(said, path.parent, where)
    port = _port(list(given[0].shape), said, where, tokenizer)
    signature = Signature((port,), (_answer(said, list(_output(made, said).shape)),))
    graph = AsTold(Program(path, made, output=said.name), said)
    return Signed(graph, signature, tokenizer=tokenizer)


def _port(shape: list[Any], said: Told, where: str, tokenizer: Any) -> Port:
    """What the examples are."""
    if said.kind == "image":
        if said.resize != "bilinear":
            raise UsageError(
                f"{where}: resize = {said.resize!r} is what replace alone can do; other verbs "
                'bring pictures to their size by resize = "bilinear"'
            )
        dims = (said.channels, *said.size)
        return Port("image", "image", dims, bounds=(0.0, 1.0), fit=said.fit)
    if said.kind == "text":
        if said.padding == "left":
            raise UsageError(
                f'{where}: padding = "left" is what replace alone can do; other verbs fill up '
                "texts on the right"
            )
        return Port(
            "text", "text", (said.length or "t",), dtype="int64",
            bounds=(0, tokenizer.vocabulary - 1), padding_id=said.padding_id,
        )  # fmt: skip
    if said.kind == "table":
        columns = tuple(map(Column, said.columns))
        return Port("row", "table", (len(columns),), columns=columns)
    dims = tuple(dim for dim in shape[1:] if type(dim) is int)
    if len(dims) != len(shape) - 1:
        raise UsageError(f"{where}: the graph takes vectors of any size {shape}; expected one size")
    return Port("x", "vector", dims)


def _output(made: Any, said: Told) -> Any:
    """The output that is the answer; a name that is wrong is refused where the graph is opened."""
    outputs = made.get_outputs()
    return next((one for one in outputs if one.name == said.name), outputs[0])


def _answer(said: Told, shape: list[Any]) -> Port:
    """What the graph gives."""
    if said.labels:
        one = len(said.labels) == 2 and shape[1:] in ([1], [])
        dims, task = (1 if one else len(said.labels),), said.task or "classify"
        return Port("label", "label", dims, labels=said.labels, task=task)
    return Port("value", "value", (next((x for x in shape[1:] if type(x) is int), 1),))
