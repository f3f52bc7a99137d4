"""The steps of a compression, looked up without importing torch."""

from collections.abc import Sequence

from cartograd.apps.load.options import KINDS
from cartograd.core import known, registry, source
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec

LEARNING = {"distill": ("temperature", "alpha"), "fine-tune": ()}
"""Steps that train the model on, and the settings of their own; all others are of the training."""

AWARE = "quantize-aware"
"""A compressor whose model is trained at once, and then rounded."""


def check_step(word: str | Spec, /) -> None:
    """Refuse what is no step, or has settings that it does not take.

    Raises:
        UsageError: which, with the nearest.
    """
    spec = Spec.parse(word)
    if spec.name in LEARNING:
        own = LEARNING[spec.name]
        _check_settings(spec, own)
        if spec.name == "distill":
            wanted = {key: spec.args[key] for key in own if key in spec.args}
            known.check(Spec("distill", {"teacher": "original"} | wanted), kind="objective")
        return
    if not registry.lookup(spec.name, kind="compressor"):
        names = [card.name for card in registry.methods("compressor")]
        raise unknown("step", spec.name, [*names, *LEARNING])
    card, _ = registry.find(spec.name, kind="compressor")
    args = spec.args
    if card.name == AWARE:
        own = [item.name for item in source.arguments(card)]
        _check_settings(spec, own)
        args = {key: value for key, value in args.items() if key in own}
    known.check(Spec(spec.name, args, spec.subject), kind="compressor")


def _check_settings(spec: Spec, own: Sequence[str]) -> None:
    """Refuse settings that neither the step nor a training has."""
    if spec.subject is not None:
        raise UsageError(f"{spec.name} takes key=value settings only, not {spec.subject!r}")
    names = (*own, *KINDS)
    for key in spec.args:
        if key not in names:
            raise unknown(f"setting of {spec.name}", key, names)
