"""The compiler: the program itself, what it may be given at most, and its constant methods."""

import io
import json

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

MAGIC = b"<\x00\x00\x00ET12"
"""With which the real files begin, too."""


def to_edge_transform_and_lower(program, *, partitioner, constant_methods=None):
    assert isinstance(program, torch.export.ExportedProgram)
    assert [type(one) for one in partitioner] == [XnnpackPartitioner]
    return Lowered(program, constant_methods or {})


class Lowered:
    def __init__(self, program, constants):
        self.program, self.constants = program, constants

    def to_executorch(self):
        return self

    @property
    def buffer(self):
        content = io.BytesIO()
        for node in self.program.graph.nodes:
            for word in ("stack_trace", "nn_module_stack", "source_fn_stack"):
                node.meta.pop(word, None)
        torch.export.save(self.program, content)
        told = json.dumps(self.constants).encode()
        return MAGIC + len(told).to_bytes(8, "little") + told + content.getvalue()
