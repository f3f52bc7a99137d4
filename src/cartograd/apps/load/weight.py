"""How large a model is."""

from typing import Any

from cartograd.core.signed import Signed
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.files.program import Program, runs_program
from cartograd.engine.files.rebuild import Rounding


def size(model: Signed, /) -> int:
    """Bytes of a model's weights and buffers, or of the file that answers for it."""
    for part in model.modules():
        if isinstance(part, Program):
            return part.size
    tensors = [*model.model.parameters(), *model.model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def learned(target: Any, model: Signed, /) -> int:
    """How many weights a model has, rounded or not; of an ONNX file its bundle tells."""
    if isinstance(target, Bundle) and runs_program(model):
        told = target.about.get("parameters")
        return told if isinstance(told, int) else 0
    rounded: list[Any] = [part for part in model.modules() if isinstance(part, Rounding)]
    numbers = [one for part in rounded for one in (part.weight, part.bias) if one is not None]
    return sum(one.numel() for one in (*model.parameters(), *numbers))
