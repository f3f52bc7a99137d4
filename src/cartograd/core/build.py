"""From a spec to the thing itself: the only factory."""

import functools
import inspect
import typing
from importlib import import_module
from typing import Any

from cartograd.core import packages, registry, source, vocabulary
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.fits import choices, fits, named
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
    _check_subject(card, spec)
    allowed = hyperparameters(card)
    given = today(card, spec.args | args)
    for key in given:
        if key not in allowed:
            raise _unknown_argument(card, key, list(allowed))
    full = ({} if signature is None else derived(card, signature)) | preset | given
    for key, value in full.items():
        _check(card, key, value, allowed[key])
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


def today(card: Card, args: dict[str, Any], /) -> dict[str, Any]:
    """A method's arguments under the names that they have today; `renamed` knows the older ones.

    Raises:
        UsageError: an argument is given under both names.
    """
    twice = [(old, new) for old, new in card.renamed.items() if old in args and new in args]
    if twice:
        old, new = twice[0]
        raise UsageError(f"{card.name}: {old} is the older name of {new}; give {new} alone")
    return {card.renamed.get(key, key): value for key, value in args.items()}


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


def _check_subject(card: Card, spec: Spec) -> None:
    """Only what reads files (data, published weights) has a subject: their path."""
    if spec.subject is None:
        return
    parameters = inspect.signature(entry(card)).parameters.values()
    reads = any(item.kind is inspect.Parameter.POSITIONAL_ONLY for item in parameters)
    if card.kind not in ("data", "weights") or not reads:
        raise UsageError(f"{card.name} takes key=value arguments only, not {spec.subject!r}")


def _unknown_argument(card: Card, key: str, allowed: list[str]) -> UsageError:
    """An unknown key: the nearest one here, and the methods that do have it."""
    having = [
        other.name
        for other in registry.cards().values()
        if any(item.name == key for item in source.arguments(other))
    ]
    hint = f"({key!r} belongs to {', '.join(having[:3])})" if having else ""
    return unknown(f"argument of {card.name}", key, allowed, hint=hint)


def _check(card: Card, key: str, value: Any, parameter: inspect.Parameter) -> None:
    """Type by the signature's annotation, range by the vocabulary."""
    means = source.explanation(card, key)
    if parameter.annotation is not inspect.Parameter.empty and not fits(
        value, parameter.annotation
    ):
        words, also = choices(parameter.annotation), f" ({means})" if means else ""
        if words and isinstance(value, str):
            raise UsageError(f"{card.name}: {unknown(key, value, words, every=True)}")
        if type(value) is int and words and all(word.isdigit() for word in words):
            raise UsageError(
                f"{card.name}: {key}={value} is out of range; expected one of {', '.join(words)}"
                f"{also}"
            )
        raise UsageError(
            f"{card.name}: {key}={value!r} is of the wrong type; expected "
            f"{_annotation(parameter.annotation)}{also}"
        )
    vocabulary.check(card.name, key, value, means=means)


def _annotation(annotation: Any) -> str:
    if words := choices(annotation):
        return f"one of {', '.join(words)}"
    return named(annotation)
