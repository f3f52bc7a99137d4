"""Attack: inputs changed to mislead a model, and how often that succeeds."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.parts import part_of, trained_on
from cartograd.apps.load.source import Data, examples_for
from cartograd.apps.load.target import Target, as_signed
from cartograd.apps.results.robustness import Robustness
from cartograd.apps.verbs.attack_size import range_of, size_notes
from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Attack
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Split
from cartograd.engine.device.device import pick
from cartograd.practice.metrics.proportion import exact

METHOD = "pgd:eps=0.03"


def attack(
    model: Target,
    x: Shaped[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    method: str | Spec = METHOD,
) -> Shaped[Tensor, "b ..."]:
    """Inputs near `x` that the model gets wrong, where the attack finds any.

    Args:
        model: a model with a signature, a run, a bundle, or the path of one.
        x: inputs in the units of the input port.
        y: their right classes.
        method: spec of an attack.

    Raises:
        UsageError: the model or the method is not one, or the model is no classifier.
    """
    signed = as_signed(model)
    signed.signature.task.check("attack")
    attacker: Attack = build(method, kind="attack")
    device = next((p.device for p in signed.parameters()), torch.device("cpu"))
    return attacker(signed, x.to(device), y.to(device))


def robustness(
    target: Target,
    data: Data,
    /,
    *,
    method: str | Spec = METHOD,
    examples: int = 200,
    part: str | None = None,
    device: str = "auto",
) -> Robustness:
    """How often a model is right before and after an attack on it.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        method: spec of an attack; where the model's input has no bounds, they are the least and
            the largest number of the attacked examples.
        examples: how many to attack: the first of a fixed shuffle.
        part: `train`, `valid`, `test` or `all`; by default `test` of what the model was trained
            on, and `all` of other files or folders that do not come in parts.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: as `attack`, or the data does not fit the model.
    """
    model, chosen = attacked(target, data, part=part, examples=examples, device=device)
    spec = bounded(method, model, chosen.inputs)
    changed = attack(model, chosen.inputs, chosen.targets, method=spec).cpu()
    before, after = (classes_of(outputs_of(model, x)) for x in (chosen.inputs, changed))
    right = [int((answers == chosen.targets).sum()) for answers in (before, after)]
    count, output = len(chosen), model.signature.output
    return Robustness(
        method=str(spec),
        examples=count,
        clean=right[0] / count,
        clean_interval=exact(right[0], count),
        robust=right[1] / count,
        robust_interval=exact(right[1], count),
        inputs=chosen.inputs,
        targets=chosen.targets,
        adversarial=changed,
        before=before,
        after=after,
        port=model.signature.input,
        labels=output.labels or tuple(map(str, range(output.size))),
        notes=_notes(spec, model, chosen.inputs, changed),
        tokenizer=model.tokenizer if model.signature.input.kind == "text" else None,
    )


def _notes(spec: Spec, model: Signed, x: Tensor, changed: Tensor) -> tuple[str, ...]:
    """A line where the size is probably meant in another unit, or no text was changed at all."""
    if model.signature.input.kind == "text" and torch.equal(x, changed):
        return (f"{spec.name} found nothing in these texts to change to its ends; "
                "accuracy under attack is that without one",)  # fmt: skip
    eps, norm = spec.args.get("eps", 0), spec.args.get("norm", "linf")
    return tuple(size_notes(float(eps), norm, model.signature.input, x[0].numel()))


def attacked(
    target: Target, data: Data, /, *, part: str | None, examples: int, device: str,
    verb: str = "attack",
) -> tuple[Signed, Split]:  # fmt: skip
    """A model on its device, and the examples to attack it with: the first of a fixed shuffle.

    Raises:
        UsageError: the model is no classifier, the data do not fit it, or no examples are asked
            for.
    """
    model = as_signed(target)
    model.signature.task.check(verb)
    model = model.to(pick(device))
    if examples < 1:
        raise UsageError(f"examples={examples} is out of range; expected at least 1")
    trained = trained_on(target)
    data, _ = as_learned(data, trained)
    part, _ = part_of(part, data, trained)
    found = examples_for(model.signature, data, part, tokenizer=model.tokenizer)
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0))
    return model, found.select(order[:examples])


def bounded(method: str | Spec, model: Signed, x: Tensor, /) -> Spec:
    """The method with the range of the examples for bounds, where the model has none."""
    spec = Spec.parse(method)
    takes = hyperparameters(registry.find(spec.name, kind="attack")[0])
    if model.signature.input.bounds is not None or "bounds" in spec.args or "bounds" not in takes:
        return spec
    return replace(spec, args=spec.args | {"bounds": range_of(x)})


def outputs_of(model: Signed, x: Tensor, /) -> Float[Tensor, "n k"]:
    """The model's logits."""
    with evaluating(model), torch.inference_mode():
        parts = [model(part.to(model.output_mean.device)).cpu() for part in x.split(256)]
    return torch.cat(parts)


def classes_of(outputs: Float[Tensor, "n k"], /) -> Int[Tensor, " n"]:
    """The class that is named for each example; a single logit says 0 or 1 by its sign."""
    return (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)
