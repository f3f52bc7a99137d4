"""A model together with the signature of what it takes and gives."""

import inspect
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.core.answered import Output, answered
from cartograd.core.decided import decided, decides
from cartograd.core.errors import UsageError
from cartograd.core.example import tried
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
        output: the part of the model's answer that counts, where it answers with a dict, a tuple
            or an object: a name or a number.

    Attributes:
        standardised: whether the module's answer is in standard deviations of the output port, or
            is the density of standardised inputs.
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
        output: Output = None,
    ):
        super().__init__()
        self.model = model
        self.signature = signature
        self.spec = spec
        self.tokenizer = tokenizer
        self.output = output
        dtypes = {p.dtype for p in model.parameters() if p.is_floating_point()}
        foreign = spec is None and not isinstance(getattr(model, "spec", None), Spec)
        self._casts = foreign and len(dtypes) == 1
        self._copies = False
        self._names = _keywords(model, signature) if foreign else ()
        for number, port in enumerate(signature.inputs):
            mean, std = statistics(port)
            self.register_buffer(f"mean{number}", mean, persistent=False)
            self.register_buffer(f"std{number}", std, persistent=False)
        answer = signature.output
        makes = signature.draws or (signature.target == "example" and signature.task.rebuilds)
        values = signature.target in ("value", "whole")
        self.standardised = bool(answer.mean and (values or makes))
        mean, std = statistics(answer if self.standardised else replace(answer, mean=(), std=()))
        if signature.target == "example" and not makes and signature.input.std:
            self.standardised = True  # a density in the unit of the port, not of the standardised
            mean = mean - signature.input.size * signature.input.mean_log_std
        self.register_buffer("output_mean", mean, persistent=False)
        self.register_buffer("output_std", std, persistent=False)

    def forward(self, *inputs: Shaped[Tensor, "b ..."]) -> Tensor:
        """The model's answer in the units of the output port: logits, or values.

        Real numbers are given to the model in the type of its weights. A network with auxiliary
        heads answers in training with a tuple, its own logits first.
        """
        ports = self.signature.inputs
        if len(inputs) != len(ports):
            raise UsageError(
                f"the model takes {len(ports)} inputs ({', '.join(port.name for port in ports)}) "
                f"and was given {len(inputs)}"
            )
        standardised = [
            (value - getattr(self, f"mean{i}")) / getattr(self, f"std{i}") if port.mean else value
            for i, (value, port) in enumerate(zip(inputs, ports, strict=True))
        ]
        if self._casts:
            dtype = _dtype(self.model) or torch.float32  # one that was rounded has none
            standardised = [x.to(dtype) if x.is_floating_point() else x for x in standardised]
        if self._copies:
            standardised = [x.clone() for x in standardised]
        if self._names:
            answer = self.model(**dict(zip(self._names, standardised, strict=True)))
        else:
            answer = self.model(*standardised)
        if self.output is not None or not isinstance(answer, Tensor):
            answer = answered(self.model, answer, self.output)
        if self.standardised:
            answer = answer * self.output_std + self.output_mean
        port = self.signature.output
        return decided(answer, port) if decides(port) else answer


def _dtype(model: nn.Module) -> torch.dtype | None:
    """Of the first weight in floats; asked at each call, a fifth of what `parameters()` takes."""
    for weight in model._parameters.values():
        if weight is not None and weight.is_floating_point():
            return weight.dtype
    for part in model._modules.values():
        found = None if part is None else _dtype(part)
        if found is not None:
            return found
    return None


def whole(model: nn.Module, signature: Signature, /) -> Signed:
    """A model with its signature that standardises inputs and answers itself."""
    inputs, outputs = (
        tuple(replace(port, mean=(), std=()) for port in ports)
        for ports in (signature.inputs, signature.outputs)
    )
    signed = Signed(model, Signature(inputs, outputs))
    signed.signature = signature
    return signed


def statistics(port: Port) -> tuple[Tensor, Tensor]:
    """Mean and std, shaped so that they broadcast over a batch of this port."""
    shape = (1, -1) + (1,) * (len(port.dims) - 1) if len(port.mean) > 1 else (1,)
    mean, std = (
        torch.tensor(values or (default,))
        for values, default in ((port.mean, 0.0), (port.std, 1.0))
    )
    return mean.reshape(shape), std.reshape(shape)


def check_one(signed: Signed, /) -> None:
    """Give a model one example of what its signature says, and see what becomes of it.

    A single logit in place of two makes the output port one of a single number; a model that
    changes its inputs gets copies from then on.

    Raises:
        UsageError: it has no weights, the example fails, or the answer has another shape.
    """
    name, signature = type(signed.model).__name__, signed.signature
    weights = [*signed.model.parameters(), *signed.model.buffers()]
    device = weights[0].device if weights else torch.device("cpu")
    if device.type == "meta" and torch.get_default_device().type != "meta":
        raise UsageError(
            f"{name} has no weights: it is on the meta device; make it on another, or fill it "
            "first: model.to_empty(device='cpu'), then load_state_dict"
        )
    try:
        for key, held in signed.named_buffers(recurse=False):  # the model is where it is
            signed.register_buffer(key, held.to(device), persistent=False)
        examples, answer = tried(signed, signature, device)
    except UsageError:
        raise
    except Exception as error:  # whatever a foreign module raises
        given = ", ".join(
            f"{port.name} {tuple(port.dims)} of {port.dtype}" for port in signature.inputs
        )
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"{name} does not take what the signature says ({given}, a batch of 2): "
            f"{type(error).__name__}: {reason}"
        ) from error
    signed._copies = any(x._version for x in examples)
    _check_shape(signed, answer)


def _check_shape(signed: Signed, answer: Tensor) -> None:
    output, shape = signed.signature.output, tuple(answer.shape)
    if signed.signature.task.target is None:
        return
    if shape[1:] == (1,) and output.dims == (2,) and output.task == "classify":
        outputs = (replace(output, dims=(1,)), *signed.signature.outputs[1:])
        signed.signature = replace(signed.signature, outputs=outputs)
        return
    fixed = zip(output.dims, shape[1:], strict=False)
    if len(shape) != 1 + len(output.dims) or any(
        isinstance(dim, int) and dim != size for dim, size in fixed
    ):
        raise UsageError(
            f"{type(signed.model).__name__} answers a batch of 2 with shape {shape}; expected "
            f"(2, {', '.join(map(str, output.dims))}), {_wanted(signed.signature)}; take another "
            "head or model, or another signature"
        )


def _wanted(signature: Signature) -> str:
    output = signature.output
    if signature.target not in ("class", "classes"):
        return f"the values of {output.name!r}"
    several = " at each position" if len(output.dims) > 1 else ""
    axis = signature.task.classes_axis
    return f"one score for each of {output.dims[-1 if axis is None else axis]} classes{several}"


def _keywords(model: nn.Module, signature: Signature) -> tuple[str, ...]:
    """The ports' names, if there are several and the model has arguments of these names."""
    names = tuple(port.name for port in signature.inputs)
    try:
        known = inspect.signature(model.forward).parameters
    except (TypeError, ValueError):  # compiled code has none
        return ()
    return names if len(names) > 1 and set(names) <= set(known) else ()


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
    model: nn.Module,
    signature: Signature,
    /,
    *,
    spec: Spec | None = None,
    tokenizer: Any = None,
    output: Output = None,
) -> Signed:
    """Give any `nn.Module` a signature; a module that has one already is signed anew.

    A module that is none of ours answers one example of zeros, in evaluation mode: whether it
    takes what the signature says, and gives it. That also makes the weights of lazy layers.

    Args:
        model: ours or anyone's.
        signature: what it takes and gives.
        spec: how the model was made, if it was made by `build`.
        tokenizer: what turns text into numbers.
        output: the part of the model's answer that counts: `"logits"` of a dict or an object with
            such names, or the number of a tuple's part.

    Raises:
        UsageError: it is no module, or the example fails or is answered in another shape.
    """
    if not isinstance(model, nn.Module):
        raise UsageError(f"expected an nn.Module to sign, got {type(model).__name__}")
    if isinstance(model, Signed):
        return Signed(
            model.model,
            signature,
            spec=spec or model.spec,
            tokenizer=model.tokenizer if tokenizer is None else tokenizer,
            output=model.output if output is None else output,
        )
    own = getattr(model, "spec", None)
    spec = spec or (own if isinstance(own, Spec) else None)
    signed = Signed(model, signature, spec=spec, tokenizer=tokenizer, output=output)
    if spec is None:
        check_one(signed)
    return signed
