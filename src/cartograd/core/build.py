"""From a spec to the thing itself: the only factory."""

import functools
import inspect
import typing
from importlib import import_module
from typing import Any

from cartograd.core import packages, registry
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.fits import fits
from cartograd.core.known import check_names, check_subject, check_value, today
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec


def entry(card: Card, /) -> Any:
    """The class or function that a card describes; imports its file.

    Raises:
        UsageError: the file is in a user's package, and cannot be imported or lacks the entry.
    """
    try:
        return getattr(import_module(card.module), card.entry)
    except (ImportError, AttributeError) as error:
        if packages.home(card.module) is None:
            raise
        raise UsageError(f"{card.name} of {card.module} cannot be used: {error}") from error


def resolve(
    spec: str | Spec, /, *, kind: str | None = None, signature: Signature | None = None, **args: Any
) -> tuple[Card, Spec]:
    """A method's card and its full spec: preset < signature's sizes < spec < `args`, all checked.

    Raises:
        UsageError: unknown name or argument, wrong type, or a value outside of its range.
    """
    spec = Spec.parse(spec)
    card, preset = registry.find(spec.name, kind=kind)
    check_subject(card, spec)
    allowed = hyperparameters(card)
    given = today(card, spec.args | args)
    check_names(card, given, list(allowed))
    full = ({} if signature is None else derived(card, signature)) | preset | given
    for key, value in full.items():
        expected = allowed[key].annotation
        check_value(card, key, value, None if expected is inspect.Parameter.empty else expected)
    missing = [
        key
        for key, parameter in allowed.items()
        if parameter.default is inspect.Parameter.empty and key not in full
    ]
    if missing:
        named = str(Spec(card.name, {}, spec.subject)) + (":" if spec.subject is None else ",")
        said = ",".join(f"{key}=..." for key in missing)
        small = {key: card.tiny[key] for key in missing if key in card.tiny}
        such = f", such as {Spec(card.name, small)}" if len(small) == len(missing) else ""
        raise UsageError(f"{card.name} needs {', '.join(missing)}: {named}{said}{such}")
    return card, Spec(card.name, full, spec.subject)


def _takes_specs(parameter: inspect.Parameter) -> bool:
    """Whether a method builds what this argument names by itself, as it knows more of it."""
    annotation = parameter.annotation
    return Spec in (annotation, *typing.get_args(annotation))


def derived(card: Card, signature: Signature, /) -> dict[str, int | str]:
    """A method's arguments that follow from the data: sizes, and the head for its task."""
    allowed, found = hyperparameters(card), dict[str, int | str](signature.sizes())
    if "head" in allowed and signature.outputs and signature.output.task:
        head = signature.task.head
        found |= {"head": head} if head and fits(head, allowed["head"].annotation) else {}
    return {key: value for key, value in found.items() if key in allowed}


def build(spec: Any, /, **args: Any) -> Any:
    """Make the thing that a spec names.

    A model comes as an `nn.Module`: with `signature=` its sizes (channels, classes, ...) are
    chosen from the signature and the result is `Signed`. An objective comes as a module. Any
    other method (data source, metric, explainer, attack) comes as a function with its
    hyperparameters bound: call it with the data. A module that is built already, ours or
    anyone's, is passed through (and signed if there is a signature).

    Args:
        spec: `"resnet:depth=18"`, a `Spec`, or an `nn.Module`.
        **args: further arguments; `signature` and `kind` (the kind expected) are `build`'s own.

    Raises:
        UsageError: unknown name or argument (with the nearest match), wrong type or range.
    """
    signature, kind = args.pop("signature", None), args.pop("kind", None)
    if not isinstance(spec, str | Spec):
        return _foreign(spec, signature, args)
    card, full = resolve(spec, kind=kind, signature=signature, **args)
    make: Any = entry(card)
    asked = hyperparameters(card)
    ready = {
        key: build(value, signature=signature)
        if isinstance(value, Spec) and not _takes_specs(asked[key])
        else value
        for key, value in full.args.items()
    }
    if card.kind != "model" and not inspect.isclass(make):
        data = () if full.subject is None else (full.subject,)
        return functools.partial(make, *data, **ready)
    from cartograd.core.memory import affordable

    with affordable(str(full)[:100]):
        made: Any = make(**ready)
    if card.kind != "model":
        return made
    made.spec = full
    if signature is None:
        return made
    from cartograd.core.signed import Signed

    return Signed(made, signature, spec=full)


def hyperparameters(card: Card, /) -> dict[str, inspect.Parameter]:
    """The keyword-only parameters of a method: its configuration."""
    parameters = inspect.signature(entry(card)).parameters
    return {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def _foreign(model: Any, signature: Signature | None, args: dict[str, Any]) -> Any:
    from torch import nn

    from cartograd.core.signed import sign

    if not isinstance(model, nn.Module):
        raise UsageError(f"expected a spec or an nn.Module, got {type(model).__name__}")
    if args:
        raise UsageError(f"a module that is built already takes no arguments: {', '.join(args)}")
    return model if signature is None else sign(model, signature)
