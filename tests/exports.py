"""Exports by torch's exporter that read once what it reads anew for each.

For each export it parses the source of a thousand operators' translations and asks torch for all
of its operators: half a second, which a user waits for once, and a small model in a test does not
take. No test adds a translation or an operator in between.
"""

import functools

from torch._export import utils
from torch.onnx._internal.exporter._registration import ONNXRegistry


@functools.cache
def install() -> None:
    """Before the first export of a session."""
    read = functools.cache(ONNXRegistry.from_torchlib)
    ONNXRegistry.from_torchlib = staticmethod(read)  # type: ignore[method-assign]
    utils._materialize_cpp_cia_ops = functools.cache(utils._materialize_cpp_cia_ops)
