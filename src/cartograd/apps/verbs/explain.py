"""Explain: attribute a model's output to the numbers of its input."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.apps.load.target import Target, as_signed
from cartograd.apps.verbs.predict import prepared
from cartograd.core.build import build
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port
from cartograd.core.protocols import Explainer
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec

METHOD = "integrated_gradients:steps=32"


def explain(
    model: Target,
    x: Any,
    /,
    *,
    target: int | str | None = None,
    method: str | Spec = METHOD,
) -> Float[Tensor, "b ..."]:
    """How much each number of each input contributed to an answer.

    Args:
        model: a model with a signature, a run, a bundle, or the path of one.
        x: inputs as a tensor, or raw ones as `predict` takes them.
        target: the class to explain, by number or label; by default the model's own answer.
        method: spec of an explainer.

    Returns:
        An attribution of the inputs' shape, in the units of the output.

    Raises:
        UsageError: the model, the method, the class or an input is not one.
    """
    signed = as_signed(model)
    task = signed.signature.task
    task.check("explain")
    explainer: Explainer = build(method, kind="explainer")
    inputs, _ = prepared(signed, x)
    device = next((p.device for p in signed.parameters()), torch.device("cpu"))
    wanted = class_of(signed.signature.output, target)
    told = {} if wanted is None else {"target": wanted}  # else that of the spec, or its own answer
    single = task.explained == "class" and signed.signature.classes == 1
    return explainer(_NoAndYes(signed) if single else signed, inputs.to(device), **told)


class _NoAndYes(nn.Module):
    """A model of a single logit z as a classifier of two classes, with logits -z and z."""

    def __init__(self, model: Signed, /):
        super().__init__()
        self.model, self.signature = model, model.signature

    def forward(self, *x: Tensor) -> Tensor:
        """The two numbers -z and z."""
        yes = self.model(*x)
        return torch.cat([-yes, yes], 1)


def class_of(port: Port, target: int | str | None, /) -> int | None:
    """The number of a class that is given by number or label.

    Raises:
        UsageError: there is no such class.
    """
    if target is None:
        return None
    if target in port.labels:
        return port.labels.index(str(target))
    if isinstance(target, str) and not target.isdecimal():
        raise unknown("class", target, port.labels)
    classes = max(port.size, len(port.labels))  # a single logit chooses between two
    if not 0 <= int(target) < classes:
        raise UsageError(f"class {target} is out of range; expected 0 to {classes - 1}")
    return int(target)
