"""Secure inference from a command: which models go, and what it cost beside the plain answer."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.apps.answers import units
from cartograd.apps.verbs.attack import classes_of
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.files.program import check_code

TASKS = ("classify", "score", "regress", "multi-label")
"""What answers in one pass of numbers."""


class Beside(nn.Module):
    """A model answered for on shares, and how far that is from its own answers.

    Args:
        model: what answers.
        spec: how, as it was given.
    """

    def __init__(self, model: Signed, spec: str | Spec, /):
        super().__init__()
        self.model, self.spec = model, Spec.parse(spec)
        self.secured = build(self.spec, kind="secure-inference")(model)
        self.apart, self.same, self.seen = 0.0, 0, 0

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The answers on shares."""
        found, plain = self.secured(x.cpu()), self.model(x).cpu()
        self.apart = max(self.apart, float((found - plain).abs().max()))
        if self.model.signature.task.target == "class":
            self.same += int((classes_of(found) == classes_of(plain)).sum())
        self.seen += len(found)
        return found

    def told(self) -> list[str]:
        """What was sent, how exact it is, and what is taken for granted."""
        by = self.secured.parties
        same = ""
        if self.model.signature.task.target == "class":
            same = f", the likeliest class is the same for {self.same} of {self.seen}"
        return [
            f"{self.spec.name}: {by.count} parties sent each other {units.size(by.sent)} in "
            f"{by.rounds} rounds, and got {units.size(by.dealt)} from the dealer",
            f"{self.spec.name}: answers differ from the plain ones by {self.apart:.2g} at most"
            f"{same}",
            f"{self.spec.name}: takes for granted that parties follow the protocol and do not pool "
            "what they see, and that the dealer is honest; times are not constant; here all run in "
            "one process, so that nothing is hidden from this machine",
        ]


def beside(model: Signed, spec: str | Spec | None, /, *, draws: int | None) -> Beside | None:
    """A model that is answered for on shares, if it is to be.

    Raises:
        UsageError: the model answers otherwise than by one pass of numbers.
    """
    if spec is None:
        return None
    check_code(model, "its weights")
    signature = model.signature
    if draws is not None:
        raise UsageError("draws= has dropout on, and secure= answers without; leave one out")
    plain = len(signature.inputs) == 1 and signature.input.kind not in ("text", "audio", "label")
    if signature.task.name not in TASKS or not plain:
        raise UsageError(
            f"secure={spec} is for models of pictures, tables and numbers that {' or '.join(TASKS)}"
            f"; this one takes {', '.join(port.kind for port in signature.inputs)} and its task is "
            f"{signature.task.name}"
        )
    if next((p.dtype for p in model.parameters()), torch.float32) not in (
        torch.float32,
        torch.float64,
    ):
        raise UsageError(f"secure={spec} takes weights of float32; this model has others")
    return Beside(model, spec)
