"""Trace: the notes' numbers step by step, and what networks do inside."""

from typing import Any, Literal, overload

import torch
from torch import Tensor

from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.load.traces import LOOKS, TRACES
from cartograd.apps.load.writing import Writing
from cartograd.apps.results.traces import (
    Alignment,
    Descents,
    FeatureMaps,
    Fields,
    Filters,
    Gates,
)
from cartograd.apps.verbs.prepared import prepared
from cartograd.core.errors import UsageError, unknown
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Aligner
from cartograd.evidence.trace import Step
from cartograd.evidence.trace import trace as notes

LONGEST = 80
"""Tokens of an answer that is traced."""

Traced = tuple[Step, ...] | Descents | Fields | Filters | FeatureMaps | Gates | Alignment


@overload
def trace(what: Literal["notes"] = "notes", /) -> tuple[Step, ...]: ...
@overload
def trace(what: Literal["descent"], /) -> Descents: ...
@overload
def trace(what: Literal["field"], model: str = "lenet5", /, *, size: int = 32) -> Fields: ...
@overload
def trace(what: Literal["filters"], /) -> Filters: ...
@overload
def trace(what: Literal["maps"], target: Target, source: Any, /) -> FeatureMaps: ...
@overload
def trace(what: Literal["gates"], target: Target, source: Any, /) -> Gates: ...
@overload
def trace(what: Literal["alignment"], target: Target, source: str, /) -> Alignment: ...
def trace(what: str = "notes", target: Any = None, source: Any = None, /, *, size: int = 32) -> Any:
    """What a network does, step by step.

    Args:
        what: `notes` (a forward and a backward pass beside the notes' numbers), `descent` (three
            gradient descents on digits), `field` (what each layer of a model for images sees),
            `filters` (classical ones as convolutions), `maps` (what convolutions answer to a
            picture), `gates` (of a recurrent model along a row), `alignment` (where a translator
            looks).
        target: of `field` the spec of a model; of the last three a model with a signature, a run,
            a bundle, the path of one, or published weights.
        source: what the last three read.
        size: of `field` the image's pixels.

    Returns:
        The steps of the notes, or a result with `to_json`, and (where there is a picture) `draw`.

    Raises:
        UsageError: there is no such trace, something is lacking or too much, or the model does not
            have what is to be traced.
    """
    if what not in TRACES:
        raise unknown("trace", what, TRACES)
    _check(what, target, source)
    if what == "field":
        return _field(target or "lenet5", size)
    if what in LOOKS:
        return {"maps": _maps, "gates": _gates, "alignment": _alignment}[what](target, source)
    return {"notes": notes, "descent": _descent, "filters": _filters}[what]()


def _check(what: str, target: Any, source: Any) -> None:
    """Refuse what a trace has no use for, and ask for what it lacks."""
    if what in LOOKS:
        if target is None or source is None:
            of = "a picture" if what == "maps" else "something to read"
            raise UsageError(f"trace {what} needs a model and {of}: trace {what} TARGET SOURCE")
    elif source is not None or (target is not None and what != "field"):
        raise UsageError(f"trace {what} takes fewer words; it is alone, or: trace field MODEL")


def _descent() -> Descents:
    from cartograd.training.optimizers.gd import descent

    return Descents(descent())


def _field(model: str, size: int) -> Fields:
    from cartograd.architectures.cnn.receptive_field import receptive_field

    return Fields(receptive_field(model=model, size=size))


def _filters() -> Filters:
    from cartograd.architectures.cnn.classical_filters import classical_filters

    return Filters(classical_filters())


def _maps(target: Target, source: Any) -> FeatureMaps:
    """The output of each convolution of a trained network for a picture."""
    from cartograd.architectures.cnn.convolution import feature_maps

    model = as_signed(target)
    kind = model.signature.input.kind
    if kind != "image":
        raise UsageError(f"{name_of(model)} takes {kind}; feature maps are of images")
    inputs, _ = prepared(model, [source])
    found = feature_maps(model, inputs[:1])
    layers = {name.removeprefix("model."): maps[0] for name, maps in found.items()}
    return FeatureMaps(inputs[0], layers)


def _gates(target: Target, source: Any) -> Gates:
    """Every gate of a trained recurrent model along one row."""
    from cartograd.architectures.rnn.gates import gates_of

    model = as_signed(target)
    inputs, _ = prepared(model, [source])
    layers = {
        name.removeprefix("model."): {gate: one[0] for gate, one in each.items()}
        for name, each in gates_of(model, inputs[:1]).items()
    }
    text = model.signature.input.kind == "text"
    return Gates(layers, _spelled(model.tokenizer, inputs[0]) if text else ())


def _alignment(target: Target, source: str) -> Alignment:
    """A trained translator's answer, and its attention weights for each token."""
    from cartograd.architectures.decoding.generate import generate

    writing = Writing(target)
    model, tokenizer = writing.signed.model, writing.tokenizer
    if not isinstance(model, Aligner):
        raise UsageError(
            f"{name_of(writing.signed)} is no recurrent encoder-decoder; expected a run of seq2seq"
        )
    rows = [writing.encoded(source)]
    begun = writing.begin(rows, LONGEST)
    with evaluating(writing.signed), torch.inference_mode():
        [answer] = generate(begun.decoder, begun.prompt, length=begun.length, stop=writing.stop)
        read = torch.tensor(rows)
        written = torch.cat([begun.prompt, torch.tensor([answer[:-1]]).long()], 1)
        weights = model.alignment(read, written)[0]
    left, top = _spelled(tokenizer, torch.tensor(answer)), _spelled(tokenizer, read[0])
    return Alignment(tokenizer.decode(answer), weights, left, top)


def _spelled(tokenizer: Any, tokens: Tensor) -> tuple[str, ...]:
    """Each token as text; without a tokenizer they are taken for letters, or stay numbers."""
    if tokenizer is None:
        return tuple(chr(one) if 32 <= one < 127 else str(one) for one in tokens.tolist())
    return tuple(tokenizer.decode([one]) or str(one) for one in tokens.tolist())
