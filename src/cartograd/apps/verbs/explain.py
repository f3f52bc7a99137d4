"""Explain: attribute a model's output to the numbers of its input."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Answer
from cartograd.apps.load.target import Target, as_bundle, as_signed
from cartograd.apps.results.explanation import Explanation
from cartograd.apps.verbs.export import golden
from cartograd.apps.verbs.predict import predict, prepared
from cartograd.core.build import build
from cartograd.core.errors import UsageError, unknown
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Explainer
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.loop.fit import Run
from cartograd.frontier.explain.one_number import NextToken, NoAndYes, Similarity, Units
from cartograd.frontier.inputs import check_one_input

METHOD = "integrated_gradients:steps=32"


def explain(
    model: Target,
    x: Any,
    /,
    *,
    target: int | str | None = None,
    layer: str | None = None,
    method: str | Spec = METHOD,
) -> Float[Tensor, "b ..."]:
    """How much each number of each input contributed to an answer.

    Args:
        model: a model with a signature, a run, a bundle, or the path of one.
        x: inputs as a tensor, or raw ones as `predict` takes them.
        target: the class to explain, by number or label, or the next token (its text); by default
            the model's own answer. Of vectors it is each text's similarity to the first that is
            explained, and that of the first to the second.
        layer: a hidden layer by its path, like `c1`: explained is why one of its units is active,
            `target` by number, by default each example's strongest.
        method: spec of an explainer.

    Returns:
        An attribution of the inputs' shape, in the units of the output.

    Raises:
        UsageError: the model, the method, the class or an input is not one.
    """
    signed = as_signed(model)
    task = signed.signature.task
    task.check("explain")
    method, target = asked(method, target)
    explainer: Explainer = build(method, kind="explainer")
    check_one_input(signed)
    inputs, _ = prepared(signed, x)
    device = next((p.device for p in signed.parameters()), torch.device("cpu"))
    inputs = inputs.to(device)
    if layer is not None:
        units = Units(signed, layer)
        unit = unit_of(units, inputs, target)
        return explainer(units, inputs, **({} if unit is None else {"target": unit}))
    if task.explained == "similarity":
        with evaluating(signed):
            return explainer(Similarity(signed, inputs), inputs, target=_compared(inputs, target))
    wanted = class_of(signed, target)
    told = {} if wanted is None else {"target": wanted}  # else its own answer
    return explainer(of_one_number(signed), inputs, **told)


def asked(method: str | Spec, target: int | str | None, /) -> tuple[Spec, int | str | None]:
    """An explainer's spec, and what it is to explain: what is given, else what the spec says.

    >>> asked("lime:samples=50,target=3", None)
    (Spec(name='lime', args={'samples': 50}, subject=None), 3)
    """
    spec = Spec.parse(method)
    own = spec.args.get("target")
    if not isinstance(own, int | str):
        return spec, target
    args = {key: value for key, value in spec.args.items() if key != "target"}
    return Spec(spec.name, args, spec.subject), own if target is None else target


def unit_of(units: Units, x: Tensor, target: int | str | None, /) -> int | None:
    """The number of a unit, if one was named.

    Raises:
        UsageError: the layer has no such unit.
    """
    if target is None:
        return None
    with evaluating(units), torch.no_grad():
        count = units(x[:1]).shape[1]
    if (isinstance(target, str) and not target.isdecimal()) or not 0 <= int(target) < count:
        raise UsageError(
            f"unit {target} is none of layer {units.layer}; expected a number from 0 to {count - 1}"
        )
    return int(target)


def of_one_number(model: Signed) -> nn.Module:
    """A model as one that gives the number to explain."""
    if model.signature.task.each:
        return NextToken(model)
    single = model.signature.task.explained == "class" and model.signature.classes == 1
    return NoAndYes(model) if single else model


def _compared(inputs: Tensor, target: int | str | None) -> Tensor:
    """Which example each is compared with: the first, and the first with the second.

    Raises:
        UsageError: there is but one, or a class is asked for.
    """
    if target is not None:
        raise UsageError(f"target={target} is a class, and this model answers with a vector")
    if len(inputs) < 2:
        raise UsageError(
            "a vector means something beside another: give two or more texts, whose similarity to "
            "the first is explained"
        )
    others = torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)
    others[0] = 1
    return others


def explanation(
    model: Target,
    sources: Any = None,
    /,
    *,
    target: int | str | None = None,
    layer: str | None = None,
    method: str | Spec = METHOD,
) -> Explanation:
    """What each part of some inputs contributed to the answers, with names, to be shown.

    Args:
        model: as of `explain`.
        sources: as `predict` takes them; by default the examples that the model's bundle keeps.
        target: the class or next token to explain; by default the model's own answer.
        layer: as of `explain`: a unit of this layer is explained, not an answer.
        method: spec of an explainer; attention-rollout also has all heads.

    Raises:
        UsageError: as `explain`, or there is no bundle that keeps examples.
    """
    if not isinstance(model, nn.Module | Run):
        model = as_bundle(model)
    signed = as_signed(model)
    signature = signed.signature
    signature.task.check("explain")
    (spec, target), named = asked(method, target), str(method)
    check_one_input(signed)
    if sources is None:
        inputs = golden(model)[0]
        names = [f"kept example {number}" for number in range(1, len(inputs) + 1)]
    else:
        inputs, names = prepared(signed, sources)
    heat = explain(signed, inputs, target=target, layer=layer, method=spec)
    similar = signature.task.explained == "similarity" and layer is None
    chosen = None if similar or layer is not None else class_of(signed, target)
    rolled = spec.name == "attention-rollout"
    said = [answer for _, answer in predict(signed, inputs, top=1).named]
    titles = _similarities(said) if similar else [_title(x, signed, chosen) for x in said]
    if layer is not None:
        titles = _units(Units(signed, layer), inputs, target)
    return Explanation(
        method=named,
        port=signature.input,
        names=tuple(names),
        titles=tuple(titles),
        inputs=inputs,
        attributions=heat,
        tokens=tuple(_tokens(signed, x) for x in inputs),
        heads=_heads(signed, inputs) if rolled else {},
        labels=_labels(signed, inputs) if rolled else (),
    )


def _units(units: Units, inputs: Tensor, target: int | str | None) -> list[str]:
    """What of a layer is explained, with the figure."""
    device = next((p.device for p in units.parameters()), inputs.device)
    with evaluating(units), torch.no_grad():
        found = units(inputs.to(device))
    own = found.argmax(1).tolist() if target is None else [int(target)] * len(found)
    return [
        f"why unit {unit} of {units.layer}? it says {float(row[unit]):.3g}"
        for unit, row in zip(own, found, strict=True)
    ]


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


def _similarities(said: Sequence[Any]) -> list[str]:
    """What is explained of vectors, with the figure."""
    near = [f"{answer.similarity:.3f}" for answer in said]
    return [f"similarity to the second {near[1]}", *(f"to the first {one}" for one in near[1:])]


def _title(answer: Answer, model: Signed, chosen: int | None) -> str:
    """What of an answer is explained: the number that the task names."""
    signature = model.signature
    told = answer.to_json()
    if signature.task.explained == "value":
        found = next(iter(told.values()))
        values = found if isinstance(found, list) else [found]
        return f"value {', '.join(map(units.number, values))}"
    shares: dict[str, float] = told["probabilities"]
    own = max(shares, key=shares.__getitem__)
    said = f"{own} ({shares[own]:.0%})"
    if told.get("labels") == []:
        said = f"none, {said} the likeliest"
    if chosen is None:
        return said
    if signature.task.each and model.tokenizer is not None:
        return f"why {model.tokenizer.decode([chosen])!r}? said {said}"
    names = signature.output.labels
    return f"why {names[chosen] if names else chosen}? said {said}"


def class_of(model: Signed, target: int | str | None, /) -> int | None:
    """The number of a class that is given by number or label, or of a token by its text.

    Raises:
        UsageError: there is no such class, or the text is not one token.
    """
    port = model.signature.output
    if target is None:
        return None
    if isinstance(target, str) and model.signature.task.each and model.tokenizer is not None:
        return _token(model.tokenizer, target)
    if target in port.labels:
        return port.labels.index(str(target))
    if isinstance(target, str) and not target.isdecimal():
        raise unknown("class", target, port.labels)
    sizes = [dim for dim in port.dims[-1:] if isinstance(dim, int)]
    classes = max(*sizes, len(port.labels), 0)  # a single logit chooses between two
    if not 0 <= int(target) < classes:
        raise UsageError(f"class {target} is out of range; expected 0 to {classes - 1}")
    return int(target)


def _token(tokenizer: Any, text: str) -> int:
    """The number of the token that a text is."""
    numbers = tokenizer.encode(text, special=False)
    if len(numbers) != 1:
        words = ", ".join(repr(tokenizer.decode([number])) for number in numbers)
        raise UsageError(
            f"{text!r} is {len(numbers)} tokens of this model ({words}), and one is explained at a "
            "time; give the first of them"
        )
    return numbers[0]
