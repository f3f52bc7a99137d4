"""Which part of a foreign model's answer is the answer.

Modules of other libraries answer with a dict, a tuple or an object of named tensors. Whoever signs
one says which of them counts: `sign(model, signature, output="logits")`. A tuple is taken for
logits and those of auxiliary heads where the model says that it has such heads, by an attribute
`aux_logits` that is true, as torchvision's and ours do; nothing is guessed from shapes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from cartograd.core.errors import UsageError

Output = str | int | None
"""The name or number of the part of an answer that counts; None for the whole."""


def answered(model: nn.Module, answer: Any, output: Output, /) -> Any:
    """The tensor that counts, or in training the logits of all heads of a model that has several.

    Raises:
        UsageError: the answer has no such part, or is no tensor and nobody said which part counts.
    """
    if output is None:
        if isinstance(answer, Tensor):
            return answer
        if model.training and isinstance(answer, tuple) and has_heads(model):
            return tuple(head for head in answer if isinstance(head, Tensor))
        raise UsageError(
            f"{type(model).__name__} answers with {_told(answer)}; say which of them is the "
            f"answer: cartograd.sign(model, signature, output={_example(answer)!r})"
        )
    found = _part(answer, output)
    if not isinstance(found, Tensor):
        raise UsageError(
            f"{type(model).__name__} answers with {_told(answer)}, which has no tensor "
            f"{output!r}; expected one of these, like output={_example(answer)!r}"
        )
    return found


def has_heads(model: nn.Module, /) -> bool:
    """Whether a model says that it answers in training with the logits of several heads."""
    return bool(getattr(model, "aux_logits", False))


def _part(answer: Any, output: str | int) -> Any:
    if isinstance(answer, Mapping):
        return answer.get(output)
    if isinstance(answer, Sequence) and str(output).isdecimal():
        return answer[int(output)] if int(output) < len(answer) else None
    return getattr(answer, output, None) if isinstance(output, str) else None


def _names(answer: Any) -> list[tuple[str | int, Any]]:
    if isinstance(answer, Mapping):
        return list(answer.items())
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        return list(enumerate(answer))
    return []


def _told(answer: Any) -> str:
    parts = [
        f"{name!r} {tuple(part.shape)}" if isinstance(part, Tensor) else f"{name!r}"
        for name, part in _names(answer)
    ]
    kind = type(answer).__name__
    return f"a {kind} of {', '.join(parts)}" if parts else f"a {kind}, no tensor"


def _example(answer: Any) -> str | int:
    names = [name for name, part in _names(answer) if isinstance(part, Tensor)]
    return "logits" if "logits" in names or not names else names[0]
