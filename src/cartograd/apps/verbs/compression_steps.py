"""The steps of a compression, checked before any work: each a compressor, or a further training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from cartograd.apps.load.steps import AWARE, LEARNING, check_step
from cartograd.apps.load.target import name_of
from cartograd.core import registry
from cartograd.core.build import hyperparameters, resolve
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec, several
from cartograd.engine.files.bundle import Bundle
from cartograd.practice.compression.rewinding import early

LAST = (
    "int8-weights", "quantize-static", AWARE, "half-weights", "group-weights", "hqq", "gptq", "awq",
)  # fmt: skip
"""What has no gradients any more: nothing is cut or learned after it."""

CUTS = "prune-channels", "prune-heads", "prune-blocks"
"""What changes sizes: earlier weights do not fit any more."""


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        spec: with all of its arguments.
        card: of the compressor; None of a training.
    """

    spec: Spec
    card: Card | None

    @property
    def trains(self) -> bool:
        """Whether the model is trained on as it is."""
        return self.card is None

    @property
    def rounds(self) -> bool:
        """Whether the model is trained on while it is rounded."""
        return self.card is not None and self.card.name == AWARE

    @property
    def method(self) -> Spec:
        """The compressor alone, without the settings of a training."""
        assert self.card is not None
        own = {k: v for k, v in self.spec.args.items() if k in hyperparameters(self.card)}
        return Spec(self.card.name, own)

    def settings(self, teacher: str, /) -> dict[str, Any]:
        """What `train` gets for it.

        Args:
            teacher: the bundle of the original.
        """
        words = LEARNING.get(self.spec.name, ()) if self.card is None else self.method.args
        own = {key: self.spec.args[key] for key in words if key in self.spec.args}
        rest = {key: value for key, value in self.spec.args.items() if key not in own}
        if self.spec.name == "distill":
            rest["objective"] = Spec("distill", {"teacher": teacher} | own)
        return {"epochs": 1} | rest


def steps_of(given: str | Spec | Sequence[str | Spec], model: Signed, /) -> tuple[Step, ...]:
    """Steps from their specs, in order.

    Args:
        given: specs.
        model: that they are done to.

    Raises:
        UsageError: there is none; one is unknown or has wrong settings, or comes too late.
    """
    steps = tuple(_step(Spec.parse(one), model) for one in several(given))
    if not steps:
        raise UsageError("there is no step; give at least one, such as prune-channels:amount=0.5")
    _check_rewinds(steps, model)
    for before, after in pairwise(steps):
        if before.spec.name in LAST:
            raise UsageError(
                f"{after.spec.name} cannot come after {before.spec.name}: rounded weights are not "
                f"cut and have no gradients; put {before.spec.name} last"
            )
    return steps


def learning_again(steps: Sequence[Step], original: Bundle, /) -> tuple[Step, ...]:
    """Trainings after a cut of a transformer have the optimizer that it learned with by default.

    What is begun from weights is tuned by smaller steps otherwise; but what is cut has to learn
    again (Renda, Frankle and Carbin 2020, arXiv:2003.02389: rates are rewound). Of a ViT with half
    of its heads and blocks the smaller steps cost 2.5 to 3.3 points of accuracy, its own none.

    Args:
        steps: of `original`.
        original: whose settings, where it has some, and name are asked.
    """
    own = (original.about.get("settings") or {}).get("optimizer")
    if not isinstance(own, str) or "heads" not in (original.model.spec or Spec("")).args:
        return tuple(steps)
    found, cut = list[Step](), False
    for step in steps:
        cut = cut or step.spec.name in CUTS
        if cut and step.trains and "optimizer" not in step.spec.args:
            args = step.spec.args | {"optimizer": Spec.parse(own)}
            step = replace(step, spec=replace(step.spec, args=args))
        found.append(step)
    return tuple(found)


def _check_rewinds(steps: Sequence[Step], model: Signed) -> None:
    """Refuse to begin again from weights that are not there, or would not fit by then.

    Raises:
        UsageError: why not.
    """
    cut = ""
    for step in steps:
        if folder := step.spec.args.get("rewind", "") if step.card is not None else "":
            if cut:
                raise UsageError(
                    f"{step.spec.name}:rewind={folder} cannot come after {cut}: what was cut has "
                    f"other sizes than those weights; put {cut} last"
                )
            early(folder, model)
        cut = step.spec.name if step.spec.name in CUTS else cut


def _step(spec: Spec, model: Signed) -> Step:
    check_step(spec)
    if spec.name not in LEARNING:
        card = registry.find(spec.name, kind="compressor")[0]
        if card.name != AWARE:
            return Step(Spec(card.name, resolve(spec, kind="compressor")[1].args), card)
        _check_trains(spec, model)
        step = Step(Spec(card.name, spec.args), card)
        resolve(step.method, kind="compressor")
        return step
    _check_trains(spec, model)
    if spec.name == "distill":
        wanted = {key: spec.args[key] for key in LEARNING["distill"] if key in spec.args}
        if model.signature.task.target != "class":
            raise UsageError(
                f"distill is of classes, and this model answers the task "
                f"{model.signature.task.name!r}; take fine-tune:epochs=..."
            )
        resolve(Spec("distill", {"teacher": "original"} | wanted), kind="objective", model=model)
    return Step(spec, None)


def _check_trains(spec: Spec, model: Signed) -> None:
    """Refuse to train a model on that has no name."""
    if model.spec is None:
        raise UsageError(
            f"{spec.name} trains the model on, and {name_of(model)} was not made by name; do that "
            "in Python: cartograd.train(cartograd.compress(model), data)"
        )
