"""Explain: attribute a model's output to the numbers of its input, or of a hidden layer."""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.apps.load.target import Target, as_bundle, as_signed
from cartograd.apps.results.explanation import Explanation
from cartograd.apps.verbs.explain_target import asked_of, titles_of
from cartograd.apps.verbs.export import golden
from cartograd.apps.verbs.predict import predict
from cartograd.apps.verbs.prepared import prepared
from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.core.protocols import Explainer
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.loop.fit import Run
from cartograd.frontier.explain.at_layer import AtLayer
from cartograd.frontier.inputs import at_most, check_one_input

METHOD = "integrated_gradients:steps=32"


def explain(
    model: Target,
    x: Any,
    /,
    *,
    target: int | str | None = None,
    layer: str | None = None,
    at: str | None = None,
    method: str | Spec = METHOD,
    repeats: int = 1,
    max_batch: int | Literal["auto"] = "auto",
) -> Float[Tensor, "b ..."]:
    """How much each number of each input contributed to an answer.

    Args:
        model: a model with a signature, a run, a bundle, or the path of one.
        x: inputs as a tensor, or raw ones as `predict` takes them.
        target: the class to explain, by number or label, or the next token (its text); by default
            the model's own answer. Of vectors it is each text's similarity to the first that is
            explained, and that of the first to the second.
        layer: a hidden layer by its path, like `c1`: explained is why one of its units is active,
            `target` by number (a single neuron by its places, like `"3,0,7"`), by default each
            example's strongest unit.
        at: a hidden layer, whose numbers the answer is attributed to, in place of the input's.
        method: spec of an explainer.
        repeats: of a method that draws, how often, each time by the next seed; the mean is given
            (`explanation` tells how far it is to be trusted).
        max_batch: rows that go through the model at once; `auto` is as many as are fast and fit
            into memory.

    Returns:
        An attribution of the inputs' shape (or of the layer's), in the units of the output.

    Raises:
        UsageError: the model, the method, the class, a layer or an input is not one.
    """
    signed = as_signed(model)
    signed.signature.task.check("explain")
    method, target = asked(method, target)
    methods = again(method, repeats)
    check_one_input(signed)
    inputs, _ = prepared(signed, x)
    with at_most(max_batch, signed, inputs.to(_device(signed))):
        return _draws(signed, inputs, target, layer, at, methods).mean(0)


def _draws(
    model: Signed,
    inputs: Tensor,
    target: int | str | None,
    layer: str | None,
    at: str | None,
    methods: list[Spec],
) -> Float[Tensor, "n b ..."]:
    """What each of some explainers says."""
    explainers: list[Explainer] = [build(one, kind="explainer") for one in methods]
    inputs = inputs.to(_device(model))
    seen, told = asked_of(model, inputs, target, layer)
    if at is None:
        return torch.stack([one(seen, inputs, **told) for one in explainers])
    inside = AtLayer(seen, at)
    found = torch.stack([one(inside, inputs, **told) for one in explainers])
    if not inside.opened:
        raise UsageError(
            f"{methods[0].name} tells of the input's numbers, not of a layer's (at={at}); there "
            "take integrated_gradients, input-x-gradient, saliency, smoothgrad, gradient-shap, "
            "deep-lift or lrp"
        )
    return found


def _device(model: Signed) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


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


def again(method: Spec, repeats: int, /) -> list[Spec]:
    """An explainer by as many seeds, from its own on.

    Raises:
        UsageError: less than one, or an explainer that draws nothing.
    """
    if repeats < 1:
        raise UsageError(f"repeats={repeats} is out of range; expected at least 1")
    card, _ = registry.find(method.name, kind="explainer")
    if repeats == 1:
        return [method]
    if "seed" not in hyperparameters(card):
        drawing = [one.name for one in registry.methods("explainer")
                   if "seed" in hyperparameters(one)]  # fmt: skip
        raise UsageError(
            f"{method.name} draws nothing and says the same each time; repeats= is for "
            f"{', '.join(drawing)}"
        )
    own = method.args.get("seed", 0)
    if not isinstance(own, int):
        return [method]  # which is refused where it is built
    return [Spec(method.name, method.args | {"seed": own + i}, method.subject)
            for i in range(repeats)]  # fmt: skip


def explanation(
    model: Target,
    sources: Any = None,
    /,
    *,
    target: int | str | None = None,
    layer: str | None = None,
    at: str | None = None,
    method: str | Spec = METHOD,
    repeats: int = 1,
    max_batch: int | Literal["auto"] = "auto",
) -> Explanation:
    """What each part of some inputs contributed to the answers, with names, to be shown.

    Args:
        model: as of `explain`.
        sources: as `predict` takes them; by default the examples that the model's bundle keeps.
        target: the class or next token to explain; by default the model's own answer.
        layer: as of `explain`: a unit of this layer is explained, not an answer.
        at: as of `explain`: the contributions are those of this layer's units.
        method: spec of an explainer; attention-rollout also has all heads.
        repeats: as of `explain`; the standard errors of the means are told, too.
        max_batch: as of `explain`.

    Raises:
        UsageError: as `explain`, or there is no bundle that keeps examples.
    """
    if not isinstance(model, nn.Module | Run):
        model = as_bundle(model)
    signed = as_signed(model)
    signature = signed.signature
    signature.task.check("explain")
    (spec, target), named = asked(method, target), str(method)
    methods = again(spec, repeats)
    check_one_input(signed)
    if sources is None:
        inputs = golden(model)[0]
        names = [f"kept example {number}" for number in range(1, len(inputs) + 1)]
    else:
        inputs, names = prepared(signed, sources)
    with at_most(max_batch, signed, inputs.to(_device(signed))):
        drawn = _draws(signed, inputs, target, layer, at, methods)
    rolled = spec.name == "attention-rollout"
    said = [answer for _, answer in predict(signed, inputs, top=1).named]
    tokens, port = [_tokens(signed, x) for x in inputs], signature.input
    if at is not None:
        drawn, tokens, port = _of_layer(at, drawn, tokens, port, inputs)
    return Explanation(
        method=named,
        port=port,
        names=tuple(names),
        titles=tuple(titles_of(signed, inputs, said, target, layer)),
        inputs=inputs,
        attributions=drawn.mean(0),
        tokens=tuple(tokens),
        heads=_heads(signed, inputs) if rolled else {},
        labels=_labels(signed, inputs) if rolled else (),
        draws=drawn if repeats > 1 else None,
        at=at,
    )


def _of_layer(
    at: str, drawn: Tensor, tokens: list[list[str]], port: Port, x: Tensor
) -> tuple[Tensor, list[list[str]], Port]:
    """How a layer's numbers are told: by token or place of the input where they lie so, else alone.

    Features of tokens are added up; channels over places of a picture are drawn as such.
    """
    if port.kind == "text" and drawn.ndim == 4 and drawn.shape[2] == x.shape[1]:
        return drawn.sum(-1), tokens, port
    if port.kind == "image" and drawn.ndim == 5:
        return drawn, tokens, port
    return drawn, [[] for _ in tokens], Port(at, "vector", tuple(drawn.shape[2:]))


def _heads(model: Signed, inputs: Tensor) -> dict[str, Tensor]:
    """All heads' attention for the first example."""
    from cartograd.frontier.explain.attention_map import attention_maps

    maps = attention_maps(model, inputs[:1].to(_device(model)))
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
    words = [tokenizer.decode([one]) or tokenizer.decode([one], special=True) for one in there]
    return [f"{place} {word}" for place, word in enumerate(words, start=1)]
