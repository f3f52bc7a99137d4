"""A bundle's model made by name, also where a compressor made it."""

from cartograd.core.build import build
from cartograd.core.ports import Signature
from cartograd.core.protocols import Compressor
from cartograd.core.signed import Signed, sign
from cartograd.core.skip_init import SkipInit
from cartograd.core.spec import Spec


def made(spec: Spec, signature: Signature) -> Signed:
    """A model by its name; one that a compressor made (`int8-weights:model=(mlp)`) in two steps.

    Raises:
        UsageError: there is no such model or compressor.
    """
    original = spec.args.get("model")
    if not isinstance(original, Spec):
        with SkipInit():
            return build(spec, kind="model", signature=signature)
    args = {key: value for key, value in spec.args.items() if key != "model"}
    compressor: Compressor = build(Spec(spec.name, args), kind="compressor")
    model = made(original, signature)
    for weight in model.parameters():
        weight.data.zero_()
    return sign(compressor(model, None), signature, spec=spec)


def tolerance(model: Signed) -> float:
    """How far machines may differ; compressed models round their inputs as each machine can."""
    return 1e-3 if model.spec is None or not isinstance(model.spec.args.get("model"), Spec) else 0.1
