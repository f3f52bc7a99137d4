"""Where a training begins: from nothing, or from what another training has learned."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.apps.load.alike import check_alike, check_size, new_head
from cartograd.apps.load.kept import kept, with_seen
from cartograd.apps.load.named import check_begins, holds_weights, is_elsewhere, is_onnx
from cartograd.apps.load.target import as_signed
from cartograd.core import registry
from cartograd.core.build import build, derived
from cartograd.core.errors import UsageError
from cartograd.core.narrowed import narrow, narrowing_of
from cartograd.core.ports import Signature
from cartograd.core.protocols import Resizable
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.files.program import check_code
from cartograd.foundations.initialization.initialise import initialise
from cartograd.practice.compression.zeros import keep_zeros
from cartograd.training.adapters.beside import Idles, changes
from cartograd.training.transfer import begin, freeze, learned_parts


def start(
    model: Any,
    signature: Signature,
    /,
    *,
    seed: int,
    frozen: bool | str | Sequence[str] = False,
    adapter: str | Spec | None = None,
    init: str | Spec | None = None,
    source: Signed | None = None,
    tokenizer: Any = None,
) -> tuple[Signed, str]:
    """The model that a training begins with.

    Args:
        model: a spec (its weights are a function of the seed), a module, or where to begin: the
            name of published weights, or the folder of a run or bundle. Then inputs are
            standardised as they were there, and a last layer for other classes is new.
        signature: of the data.
        seed: of the weights that are new.
        frozen: parts that keep their weights: names (in a list, or with commas), or True for all
            that is not new.
        adapter: what learns beside the weights, in their place.
        init: how all dense and convolutional weights start; None starts them as the model does.
        source: what it begins with, if that is loaded already.
        tokenizer: of the data, if it is text.

    Returns:
        The model, and a line on what of it is new; empty if nothing is, or all.

    Raises:
        UsageError: whatever is wrong with the model or with what it begins from.
    """
    told = ""
    elsewhere = source is not None or (isinstance(model, str | Path) and is_elsewhere(str(model)))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if elsewhere:
            made, fresh, told = _begun(model, source or _read(model), signature, tokenizer)
        else:
            own = kept(model.signature, signature) if isinstance(model, Signed) else signature
            made, fresh = build(model, kind="model", signature=own), None
            _check_trains(made)
            if isinstance(model, str) and holds_weights(model):
                told = f"{model} is the model of that name; ./{model} is the folder beside it"
        if init is not None:
            if fresh is not None:
                raise UsageError(
                    f"init={init} starts all weights anew, and this training begins from those "
                    f"of {model}; leave one of the two out"
                )
            initialise(made.model, str(init))
        if adapter is not None:
            _check_adapts(model, fresh, adapter, frozen)
            told = ", ".join(filter(None, (told, _adapted(made, adapter, fresh or []))))
    if frozen is True and fresh is None:
        raise UsageError(
            "freeze=true keeps what was learned before, and this model begins from nothing; begin "
            "from published weights or a run, or name the parts: freeze=features"
        )
    if frozen is True:
        freeze(made.model, learned_parts(made.model, fresh or ()))
    elif frozen:
        freeze(made.model, frozen.split(",") if isinstance(frozen, str) else frozen)
    return made, told


def _other_classes(source: Signed, signature: Signature) -> str:
    """What to say of a generative model that is told of other classes than before."""
    before, now = source.signature.condition, signature.condition
    if before is None or now is None or before.labels == now.labels:
        return ""
    names = ", ".join(before.labels[:8]) + (", ..." if len(before.labels) > 8 else "")
    return f"told of other classes (they were {names}, and what is new takes their places in order)"


def _check_adapts(
    model: Any, fresh: list[str] | None, adapter: str | Spec, frozen: bool | str | Sequence[str]
) -> None:
    """Refuse an adapter where nothing was learned, and parts to keep beside one."""
    if fresh is None:
        raise UsageError(
            f"adapter={adapter} changes what was learned before, and this model begins from "
            "nothing; begin from a run, a bundle or published weights"
        )
    if frozen:
        raise UsageError(
            f"adapter={adapter} keeps all weights of {model} that are not new; leave freeze= out, "
            "and say with match= where it learns"
        )


def _adapted(model: Signed, adapter: str | Spec, fresh: list[str]) -> str:
    """A line on how much learns, beside the model's weights, from now on."""
    whole = sum(weight.numel() for weight in model.model.parameters())
    layers = build(adapter, kind="adapter")(model.model)
    for name, weight in model.model.named_parameters():
        if name in fresh:
            weight.requires_grad_()
    learns = sum(one.numel() for one in model.model.parameters() if one.requires_grad)
    told = (
        f"{learns:,} numbers learn beside {len(layers)} layers and their {whole:,} weights "
        f"({learns / whole:.2%})"
    )
    whole_too = {name.removesuffix(".weight") for name in fresh}  # what is new learns without it
    found = ((name, one) for name, _, one in changes(model.model) if name not in whole_too)
    idle = [f"{name} {one.idle}" for name, one in found if isinstance(one, Idles) and one.idle]
    more = f", and {len(idle) - 1} more" if len(idle) > 1 else ""
    return f"{told}; more than some weights can make use of: {idle[0]}{more}" if idle else told


def _check_trains(model: Signed) -> None:
    """Refuse what has no training mode, or nothing to train, as exported programs and functions."""
    name = type(model.model).__name__
    try:
        model.train()
    except NotImplementedError as error:
        raise UsageError(
            f"{name} cannot be trained: it was exported, and has no training mode; give the module "
            "that it was made from"
        ) from error
    if not any(weight.requires_grad for weight in model.parameters()):
        raise UsageError(
            f"{name} has no weights to train: none of its parameters requires a gradient; use it "
            "as it is: cartograd.evaluate(cartograd.sign(model, signature), data)"
        )


def begun(model: Any, /) -> Signed | None:
    """What a training begins with; None where the model is new.

    Args:
        model: as of `start`; of a text all that can be known by name is checked.

    Raises:
        UsageError: there is no such model, or what it begins with cannot be read.
    """
    if not isinstance(model, str):
        return None
    check_begins(model)
    return _read(model) if is_elsewhere(model) else None


def _read(model: str | Path) -> Signed:
    with torch.device("cpu"):  # also for a dry run, whose model has no numbers
        found = as_signed(model)
    if is_onnx(model):
        check_code(found, "weights to train")
    return found


def _begun(
    model: str | Path, source: Signed, signature: Signature, tokenizer: Any
) -> tuple[Signed, list[str], str]:
    """A model of the kind of another one with its weights, for these inputs and outputs."""
    if source.spec is None:
        raise UsageError(
            f"{model} is a module of your own; begin from it in Python: "
            f"train(load({str(model)!r}, model=MyModel()).model, data)"
        )
    check_alike(model, source, signature, tokenizer)
    port, theirs = signature.input, source.signature.input
    learned_of = source.signature.condition
    others = (with_seen(one, learned_of) for one in signature.inputs[1:])
    inputs = (replace(port, mean=theirs.mean, std=theirs.std), *others)
    if isinstance(source.spec.args.get("model"), Spec):
        raise UsageError(
            f"{source.spec.name} made this model to be used, not trained; begin with the one that "
            "was compressed"
        )
    sizes = derived(registry.find(source.spec.name, kind="model")[0], signature)
    given = {key: sizes[key] for key in ("classes", "head", "separator_id") if key in sizes}
    learned, resized = source.model, ""
    if "size" in sizes and port.dims != theirs.dims and isinstance(learned, Resizable):
        learned, more, resized = learned.resized(int(sizes["size"]))
        given |= more
    before = {key: own for key, own in source.spec.args.items() if key != "separator_id"}
    made = build(Spec(source.spec.name, before | given))
    spec = made.spec
    _narrow(made, source.model, str(model))
    why = new_head(source.signature, signature)
    fresh = begin(made, learned, anew=bool(why))
    check_size(model, made, port, theirs)
    new = f"with a new last layer ({why})" if fresh and why else ""
    done = ", ".join(part for part in (new, resized, _other_classes(source, signature)) if part)
    told = f"{model} is gone on from, {done}" if done else ""
    if (sizes := narrowing_of(made)) is not None:
        keep_zeros(made, tuple(name for name in sizes.sparse if name not in fresh))
    return Signed(made, replace(signature, inputs=inputs), spec=spec), fresh, told


def _narrow(made: nn.Module, learned: nn.Module, source: str) -> None:
    """Make a network's sizes those of a pruned one; a last layer for other classes keeps these."""
    sizes = narrowing_of(learned)
    if sizes is None:
        return
    state = made.state_dict()
    last = list(state)[-1].rpartition(".")[0]
    shapes = {
        name: (state[name].shape[0], *shape[1:])
        if name in state and name.rpartition(".")[0] == last
        else shape
        for name, shape in sizes.shapes.items()
    }
    narrow(made, replace(sizes, shapes=shapes), source)
