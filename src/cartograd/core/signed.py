"""A model together with the signature of what it takes and gives."""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec


class Signed(nn.Module):
    """Any `nn.Module` with the signature that every verb reads.

    It takes values within its ports' bounds (pixels in [0, 1], not standardised ones) and
    standardises them itself. So training, export, attacks (whose eps is in pixel units) and
    explanations all see the same function.

    Args:
        model: ours or anyone's; called with the standardised inputs.
        signature: what the model takes and gives.
        spec: how the model was made, if it was made by `build`; a bundle needs it to be
            loaded by name.
        tokenizer: what turns text into the numbers of a text port
            (`cartograd.data.text.tokenizer`).

    Attributes:
        standardised: whether the module's answer is in standard deviations of the output port.
        output_mean, output_std: those of the output port; 0 and 1 where nothing is standardised.
    """

    output_mean: Tensor
    output_std: Tensor

    def __init__(
        self,
        model: nn.Module,
        signature: Signature,
        /,
        *,
        spec: Spec | None = None,
        tokenizer: Any = None,
    ):
        super().__init__()
        self.model = model
        self.signature = signature
        self.spec = spec
        self.tokenizer = tokenizer
        for number, port in enumerate(signature.inputs):
            mean, std = statistics(port)
            self.register_buffer(f"mean{number}", mean, persistent=False)
            self.register_buffer(f"std{number}", std, persistent=False)
        output = signature.output
        self.standardised = bool(output.mean and signature.target == "value")
        mean, std = statistics(output if self.standardised else replace(output, mean=(), std=()))
        self.register_buffer("output_mean", mean, persistent=False)
        self.register_buffer("output_std", std, persistent=False)

    def forward(self, *inputs: Shaped[Tensor, "b ..."]) -> Tensor:
        """The model's answer in the units of the output port: logits, or values.

        A network with auxiliary heads answers in training with a tuple, its own logits first.
        """
        standardised = [
            (value - getattr(self, f"mean{i}")) / getattr(self, f"std{i}") if port.mean else value
            for i, (value, port) in enumerate(zip(inputs, self.signature.inputs, strict=True))
        ]
        answer = self.model(*standardised)
        if self.standardised:
            answer = answer * self.output_std + self.output_mean
        return answer


def statistics(port: Port) -> tuple[Tensor, Tensor]:
    """Mean and std, shaped so that they broadcast over a batch of this port."""
    shape = (1, -1) + (1,) * (len(port.dims) - 1) if len(port.mean) > 1 else (1,)
    mean, std = (
        torch.tensor(values or (default,))
        for values, default in ((port.mean, 0.0), (port.std, 1.0))
    )
    return mean.reshape(shape), std.reshape(shape)


def signature_if_any(model: nn.Module, /) -> Signature | None:
    """The signature a model carries, or None."""
    found = getattr(model, "signature", None)
    return found if isinstance(found, Signature) else None


def signature_of(model: nn.Module, /, *, otherwise: Signature | None = None) -> Signature:
    """The signature a model carries, or the one given beside it.

    Raises:
        UsageError: there is neither.
    """
    found = signature_if_any(model) or otherwise
    if found is None:
        raise UsageError(
            f"{type(model).__name__} has no signature; wrap it: cartograd.sign(model, signature)"
        )
    return found


def sign(
    model: nn.Module, signature: Signature, /, *, spec: Spec | None = None, tokenizer: Any = None
) -> Signed:
    """Give any `nn.Module` a signature; a module that has one already is signed anew."""
    if isinstance(model, Signed):
        tokenizer = model.tokenizer if tokenizer is None else tokenizer
        return Signed(model.model, signature, spec=spec or model.spec, tokenizer=tokenizer)
    return Signed(model, signature, spec=spec or getattr(model, "spec", None), tokenizer=tokenizer)
