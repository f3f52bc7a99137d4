"""Explain: attribute a model's output to the numbers of its input."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.apps.answers.asked import Answer
from cartograd.apps.load.target import Target, as_bundle, as_signed
from cartograd.apps.results.explanation import Explanation
from cartograd.apps.verbs.export import golden
from cartograd.apps.verbs.predict import predict, prepared
from cartograd.core.build import build
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port, Signature
from cartograd.core.protocols import Explainer
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.loop.fit import Run
from cartograd.frontier.inputs import check_one_input

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
    check_one_input(signed)
    inputs, _ = prepared(signed, x)
    device = next((p.device for p in signed.parameters()), torch.device("cpu"))
    wanted = class_of(signed.signature.output, target)
    told = {} if wanted is None else {"target": wanted}  # else that of the spec, or its own answer
    single = task.explained == "class" and signed.signature.classes == 1
    return explainer(_NoAndYes(signed) if single else signed, inputs.to(device), **told)


def explanation(
    model: Target,
    sources: Any = None,
    /,
    *,
    target: int | str | None = None,
    method: str | Spec = METHOD,
) -> Explanation:
    """What each part of some inputs contributed to the answers, with names, to be shown.

    Args:
        model: as of `explain`.
        sources: as `predict` takes them; by default the examples that the model's bundle keeps.
        target: the class to explain, by number or label; by default the model's own answer.
        method: spec of an explainer; attention-rollout also has all heads.

    Raises:
        UsageError: as `explain`, or there is no bundle that keeps examples.
    """
    if not isinstance(model, nn.Module | Run):
        model = as_bundle(model)
    signed = as_signed(model)
    signature = signed.signature
    signature.task.check("explain")
    check_one_input(signed)
    if sources is None:
        inputs = golden(model)[0]
        names = [f"kept example {number}" for number in range(1, len(inputs) + 1)]
    else:
        inputs, names = prepared(signed, sources)
    heat = explain(signed, inputs, target=target, method=method)
    chosen = class_of(signature.output, target)
    rolled = Spec.parse(method).name == "attention-rollout"
    said = [answer for _, answer in predict(signed, inputs, top=1).named]
    return Explanation(
        method=str(method),
        port=signature.input,
        names=tuple(names),
        titles=tuple(_title(answer, signature, chosen) for answer in said),
        inputs=inputs,
        attributions=heat,
        tokens=tuple(_tokens(signed, x) for x in inputs),
        heads=_heads(signed, inputs) if rolled else {},
        labels=_labels(signed, inputs) if rolled else (),
    )


def _heads(model: Signed, inputs: Tensor) -> dict[str, Tensor]:
    """All heads' attention for the first example."""
    from cartograd.frontier.explain.attention_map import attention_maps

    device = next((p.device for p in model.parameters()), inputs.device)
    maps = attention_maps(model, inputs[:1].to(device))
    return {name: weights[0] for name, weights in maps.items()}


def _labels(model: Signed, inputs: Tensor) -> tuple[str, ...]:
    """What stands at each position of the first example, if it is a text."""
    if model.signature.input.kind != "text" or model.tokenizer is None:
        return ()
    return tuple(model.tokenizer.decode([token]) for token in inputs[0].tolist())


def _tokens(model: Signed, x: Tensor) -> list[str]:
    """The tokens of a text with their places, up to its end; nothing if it is no text."""
    port, tokenizer = model.signature.input, model.tokenizer
    if port.kind != "text" or tokenizer is None:
        return []
    there = [token for token in x.tolist() if token != port.padding_id]
    return [f"{place} {tokenizer.decode([token])}" for place, token in enumerate(there, start=1)]


def _title(answer: Answer, signature: Signature, chosen: int | None) -> str:
    """What of an answer is explained: the number that the task names."""
    told = answer.to_json()
    if signature.task.explained == "value":
        return f"value {next(iter(told.values()))}"
    shares: dict[str, float] = told["probabilities"]
    own = max(shares, key=shares.__getitem__)
    said = f"{own} ({shares[own]:.0%})"
    if told.get("labels") == []:
        said = f"none, {said} the likeliest"
    return said if chosen is None else f"why {signature.output.labels[chosen]}? said {said}"


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
