"""A module that runs an ONNX file: that of a bundle whose code is not at hand, or one alone."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed, whole
from cartograd.engine.files.onnx_session import check_alone, named_session, running

FILE = "model.onnx"
"""What the file beside the weights is called."""


class Program(nn.Module):
    """A model that answers and has neither weights nor gradients.

    Args:
        path: an ONNX file that takes and gives what a signature says, in the units of its ports.
        made: the file as onnxruntime has it, where it was opened and looked at already.
        output: which of its outputs is the answer; by default the first.
        beside: files from which it takes numbers, where they were looked at already.

    Raises:
        UsageError: onnxruntime cannot run it, it takes numbers from other files, or has no such
            output.
    """

    def __init__(
        self, path: Path, /, made: Any = None, *, output: str = "", beside: tuple[Path, ...] = ()
    ):
        super().__init__()
        if made is None:
            check_alone(path)
            made = named_session(path)
        self.path, self.beside = path, beside
        self._run = running(made, path, output=output)

    @property
    def size(self) -> int:
        """Bytes of the file, and of those from which it takes numbers."""
        return sum(one.stat().st_size for one in (self.path, *self.beside))

    def forward(self, *inputs: Shaped[Tensor, "b ..."]) -> Tensor:
        """The answer.

        Raises:
            UsageError: a gradient is wanted, or the file cannot be run on such inputs.
        """
        if torch.is_grad_enabled() and any(one.requires_grad for one in inputs):
            raise without_code(self, "a gradient")
        found = self._run([one.detach().cpu().numpy() for one in inputs])
        return torch.from_numpy(found).to(inputs[0].device)


def program(folder: Path, signature: Signature, /) -> Signed:
    """The model of a bundle by its ONNX file.

    Raises:
        UsageError: as of `Program`, or the file does not take as many inputs as the signature.
    """
    return whole(Program(folder / FILE), signature)


def runs_program(model: nn.Module, /) -> bool:
    """Whether a model answers by an ONNX file alone."""
    return any(isinstance(part, Program) for part in model.modules())


def check_code(model: nn.Module, wanted: str, /) -> None:
    """Refuse what an ONNX file cannot give.

    Args:
        model: of anyone.
        wanted: what is asked for: "a gradient".

    Raises:
        UsageError: the model answers by an ONNX file alone.
    """
    for part in model.modules():
        if isinstance(part, Program):
            raise without_code(part, wanted)


def without_code(model: Program, wanted: str, /) -> UsageError:
    """What to say where something is asked for that an ONNX file cannot give."""
    if model.path.name != FILE or not (model.path.parent / "manifest.json").is_file():
        return UsageError(
            f"{model.path} is an ONNX file, which has no code of the model, and this asks for "
            f"{wanted}; give the run or the bundle that it was written from"
        )
    return UsageError(
        f"{model.path.parent} is answered by its ONNX file, which has no code of the model, and "
        f"this asks for {wanted}; name the code if you trust it: --model package.module:make (in "
        "Python load(path, model=MyModel()))"
    )
