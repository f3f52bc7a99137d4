"""A module that runs the ONNX file of a bundle, where the code of its model is not at hand."""

from pathlib import Path

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed, whole
from cartograd.engine.files.onnx_session import check_alone, session

FILE = "model.onnx"
"""What the file beside the weights is called."""


class Program(nn.Module):
    """A model that answers and has neither weights nor gradients.

    Args:
        path: an ONNX file that takes and gives what a signature says, in the units of its ports.

    Raises:
        UsageError: onnxruntime cannot run it, or it takes numbers from other files.
    """

    def __init__(self, path: Path, /):
        super().__init__()
        check_alone(path)
        self.path = path
        self._run = session(path)

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
    return UsageError(
        f"{model.path.parent} is answered by its ONNX file, which has no code of the model, and "
        f"this asks for {wanted}; name the code if you trust it: --model package.module:make (in "
        "Python load(path, model=MyModel()))"
    )
