"""How strongly, and by what, a diffusion model is pulled to a class: a number, or a classifier."""

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from cartograd.apps.load.parts import about_of
from cartograd.apps.load.target import as_signed, name_of
from cartograd.core.errors import UsageError
from cartograd.core.generative import Denoises, DrawsCodes
from cartograd.core.ports import Port
from cartograd.core.signed import Signed, statistics
from cartograd.core.spec import Spec
from cartograd.data.dataset.seen_classes import labels_of
from cartograd.generative.diffusion.classifier_guidance import ClassifierGuided
from cartograd.generative.diffusion.denoiser import Conditioned, Denoiser
from cartograd.training.objectives.classify import both


@dataclass(frozen=True)
class Guidance:
    """What pulls.

    Attributes:
        weight: how much more than the plain model the classes count, which the model knows.
        classifier: whose gradient pulls as well.
        scale: of the gradient.
    """

    weight: float = 1.0
    classifier: Signed | None = None
    scale: float = 1.0

    @property
    def classes(self) -> Port | None:
        """The classes that the classifier tells apart."""
        if self.classifier is None:
            return None
        labels = labels_of(self.classifier.signature.output)
        return Port("class", "label", (), "int64", labels=labels)

    def of(
        self, model: Signed, denoiser: Denoiser, y: Tensor | None, /, *, solver: str = "ddim"
    ) -> Denoises:
        """The denoiser of examples of these classes or texts, for a sampler of this name."""
        told = y if denoiser.told else None
        plain = Conditioned(denoiser, told, guidance=self.weight, solver=solver)
        if self.classifier is None or y is None:
            return plain
        with torch.inference_mode(mode=False):  # its gradient is taken, also where none is asked
            classifier = self.classifier.to(y.device)
            mean, std = (one.to(y.device) for one in statistics(model.signature.output))
        dims = tuple(int(dim) for dim in classifier.signature.input.dims)

        def logits(x: Tensor) -> Tensor:
            return both(classifier((x * std + mean).reshape(-1, *dims)))

        return ClassifierGuided(plain, logits, y, scale=self.scale)


def guidance_of(said: float | str | Spec, model: Signed, /) -> Guidance:
    """What is meant by a number, or by `classifier:RUN,scale=3`.

    Raises:
        UsageError: it is neither, or the classifier is of other examples or classes.
    """
    try:
        weight = float(said) if isinstance(said, int | float) else float(str(said))
    except ValueError:
        return _by_classifier(str(said), model)
    if not math.isfinite(weight):
        raise UsageError(f"guidance={said} is no finite number; 1 is the plain model")
    return Guidance(weight)


def _by_classifier(said: str, model: Signed) -> Guidance:
    """What is meant by `classifier:RUN,scale=3`."""
    spec = Spec.parse(said)
    if spec.name != "classifier" or spec.subject is None or set(spec.args) - {"scale"}:
        raise UsageError(
            f"guidance={said} is neither a number nor a classifier; expected like 2, or "
            "classifier:RUN,scale=3"
        )
    if isinstance(model.model, DrawsCodes):
        raise UsageError(
            f"{name_of(model)} denoises codes, which a classifier of examples cannot read; leave "
            "out guidance=classifier"
        )
    scale = spec.args.get("scale", 1.0)
    if not isinstance(scale, int | float) or not 0 <= scale < math.inf:
        raise UsageError(f"guidance by a classifier: scale={scale} is no number from 0 on")
    classifier = as_signed(spec.subject).eval()
    _check(classifier, model, spec.subject)
    _tell_of_noise(spec.subject)
    return Guidance(1.0, classifier, float(scale))


def _check(classifier: Signed, model: Signed, where: str) -> None:
    signature, drawn = classifier.signature, model.signature.example
    if signature.target != "class" or len(signature.inputs) != 1:
        raise UsageError(
            f"{where} is no classifier; expected one of noisy examples, as `cartograd train lenet5 "
            "--data digits --set objective=noisy-classify` makes one"
        )
    if tuple(signature.input.dims) != tuple(drawn.dims):
        raise UsageError(
            f"the classifier {where} takes examples of {tuple(signature.input.dims)}; "
            f"{name_of(model)} draws {tuple(drawn.dims)}"
        )
    known = model.signature.condition
    if known is not None and known.labels != labels_of(signature.output):
        raise UsageError(f"the classifier {where} knows other classes than {name_of(model)}")


def _tell_of_noise(where: str) -> None:
    """Warn of a classifier that never saw noisy examples: its gradient there means little."""
    settings = about_of(where).get("settings")
    objective = settings.get("objective") if isinstance(settings, dict) else None
    if isinstance(objective, str) and Spec.parse(objective).name != "noisy-classify":
        warnings.warn(
            f"{where} learned by {objective} from examples without noise, so its gradient "
            "on noisy ones says little; --set objective=noisy-classify trains one for guidance",
            stacklevel=4,
        )
