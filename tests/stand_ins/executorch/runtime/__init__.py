"""The runtime: a program takes no more than it was planned for, and its memory is used again."""

import io
import json
from types import SimpleNamespace

import torch
from executorch.exir import MAGIC


class Runtime:
    @classmethod
    def get(cls):
        return cls()

    def load_program(self, data):
        content = data.read_bytes()
        if not content.startswith(MAGIC):
            raise RuntimeError("Failed to load program, error: 0x:23")
        start = len(MAGIC) + 8
        end = start + int.from_bytes(content[len(MAGIC) : start], "little")
        return Program(json.loads(content[start:end]), content[end:])


class Program:
    def __init__(self, constants, content):
        self.constants, self.content = constants, content

    def load_method(self, name):
        if name in self.constants:
            return SimpleNamespace(execute=lambda inputs: [self.constants[name]])
        return Method(torch.export.load(io.BytesIO(self.content)))


class Method:
    def __init__(self, program):
        self.call, self.memory = program.module(), {}
        given = [node for node in program.graph.nodes if node.op == "placeholder"]
        names = program.graph_signature.user_inputs
        shapes = [node.meta["val"].shape for node in given if node.name in names]
        limits = program.range_constraints
        self.sizes = [
            tuple(
                one if isinstance(one, int) else int(limits[one.node.expr].upper) for one in shape
            )
            for shape in shapes
        ]
        self.metadata = SimpleNamespace(
            input_tensor_meta=lambda n: SimpleNamespace(sizes=lambda: self.sizes[n])
        )

    @torch.no_grad()
    def execute(self, inputs):
        for one, most in zip(inputs, self.sizes, strict=True):
            if any(size > bound for size, bound in zip(one.shape, most, strict=True)):
                raise RuntimeError("method->set_inputs() for method 'forward' failed")
        answer = self.call(*inputs)
        kept = self.memory.setdefault(answer.shape, torch.empty_like(answer))
        return [kept.copy_(answer)]
