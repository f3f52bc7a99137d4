"""How large a model is."""

from cartograd.core.signed import Signed
from cartograd.engine.files.program import Program


def size(model: Signed, /) -> int:
    """Bytes of a model's weights and buffers, or of the file that answers for it."""
    if isinstance(model.model, Program):
        return model.model.path.stat().st_size
    tensors = [*model.model.parameters(), *model.model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
