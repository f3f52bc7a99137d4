"""Everything a training run needs, made and checked before anything is written."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.apps.answers.averaged import with_positive
from cartograd.apps.load.answering import as_answered
from cartograd.apps.load.choice import with_model
from cartograd.apps.load.filtered import filtered
from cartograd.apps.load.framed import framed, noted
from cartograd.apps.load.judging import as_judge
from cartograd.apps.load.named import is_elsewhere
from cartograd.apps.load.poisoned import with_poison
from cartograd.apps.load.reading import as_read, column_of_texts
from cartograd.apps.load.settings import Setting, merged
from cartograd.apps.load.source import as_read_by, dataset
from cartograd.apps.load.start import begun, start
from cartograd.apps.load.taken import check_takes
from cartograd.apps.verbs.by_compute import with_compute
from cartograd.apps.verbs.chosen import chosen_for, own_objective, told_of_patience
from cartograd.apps.verbs.decision import check_choices
from cartograd.apps.verbs.details import arguments_of
from cartograd.apps.verbs.drawn_examples import Drawn, with_drawn
from cartograd.apps.verbs.epoch_metrics import epoch_metrics
from cartograd.apps.verbs.evaluate import at_once
from cartograd.apps.verbs.federated import federated, told_of_federation, usual_of_federated
from cartograd.apps.verbs.fitting import check_answer, check_objective, check_size, check_whole
from cartograd.apps.verbs.growing_samples import check_draws, told_of_grids
from cartograd.apps.verbs.learned import (
    card_of,
    learned,
    usual_settings,
    weights_of_classes,
    with_loss,
)
from cartograd.apps.verbs.private import (
    audited,
    in_float32,
    kept_private,
    public_statistics,
    told_of,
    usual_of_private,
)
from cartograd.core import user_code
from cartograd.core.calibrated import Calibrating
from cartograd.core.card import Card
from cartograd.core.protocols import Batches, Metric, Objective
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.core.task import EXAMPLES
from cartograd.data.dataset.augment import of_signature
from cartograd.data.dataset.balanced import BalancedBatches
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.own_targets import OwnTargets
from cartograd.data.dataset.seen_classes import has_classes, told_of_unseen, without_examples
from cartograd.engine.loop.option_fields import names
from cartograd.engine.loop.options import FitOptions
from cartograd.engine.loop.own_code import in_words
from cartograd.frontier.federated.federation import Federation
from cartograd.frontier.privacy.dp_fedavg import ClientBound
from cartograd.frontier.privacy.dp_sgd import Private

BY_SPEC = (
    *("objective", "loss", "adapter", "poison", "filter", "privacy", "federated"),
    *("optimizer", "schedule"),
)
"""Settings that name methods, which may be functions of a user's own."""


@dataclass(frozen=True)
class Plan:
    """A training run that has not begun.

    Attributes:
        model: built (or as given), with the data's signature.
        data: the examples.
        objective: what the model learns.
        card: the objective's card; None of one of the user's own.
        settings: every setting with its final value and its origin.
        begun: what of a model that learned elsewhere is new, and of one that nobody named why it
            was chosen, in a line each.
        drawn: training examples that a generative model drew.
        private: the objective where the training is private, with batches of its own; of a
            federation what bounds it.
        federation: the objective where several train together, with rounds as batches.
    """

    model: Signed
    data: Dataset
    objective: Objective
    card: Card | None
    settings: dict[str, Setting]
    begun: tuple[str, ...] = ()
    drawn: Drawn | None = None
    private: Private | ClientBound | None = None
    federation: Federation | None = None

    def value(self, key: str, /) -> Any:
        """The value of a setting."""
        return self.settings[key].value

    @property
    def told(self) -> list[str]:
        """What was decided on the data, what the training begins from, what it draws; in lines."""
        drawn = told_of_grids(self.value("samples"), self.value("epochs"))
        epochs, lines = self.value("epochs"), list[str]()
        if self.federation is not None:
            lines += told_of_federation(self.federation, epochs, self.data)
        if self.private is not None:
            lines += told_of(self.private, epochs)
        if isinstance(self.objective, Calibrating):
            lines.append(f"validation examples also set {self.objective.calibrates}")
        return [
            *self.data.told,
            *filter(None, (*self.begun, drawn, told_of_patience(self.settings))),
            *lines,
        ]

    def words(self) -> dict[str, Setting]:
        """The settings as plain values: objects are given by their names."""
        name = user_code.made_by(self.model.model) or type(self.model.model).__name__
        called = {"model": name, "data": self.data.name}
        plain = {
            key: replace(item, value=called[key])
            if key in called and not isinstance(item.value, str)
            else item
            for key, item in self.settings.items()
        }
        return plain | {
            key: replace(plain[key], value=in_words(plain[key].value))
            for key in BY_SPEC
            if key in plain
        }

    @property
    def metrics(self) -> dict[str, Metric]:
        """What to measure at the end of each epoch: the objective's metrics and the one watched."""
        return epoch_metrics(
            self.card, self.objective, self.data.signature, watched=self.value("monitor") or ""
        )

    def batches(self, size: int | None = None, /) -> Batches:
        """The training data, in batches of the plan's size or of another."""
        if self.federation is not None:
            return self.federation.batches(augment=self.value("augment"))
        if isinstance(self.private, Private):
            return self.private.batches(augment=self.value("augment"))
        part, augment = self.data.train, self.value("augment")
        make = part.batches if self.value("sampler") is None else partial(BalancedBatches, part)
        return make(batch_size=size or self.value("batch_size"), augment=augment)

    @property
    def options(self) -> FitOptions:
        """How to train."""
        return FitOptions(**{name: self.value(name) for name in names(FitOptions)})

    def validation(self) -> dict[str, Any]:
        """The arguments of `fit` for validation after each epoch."""
        size = at_once(self.data.signature)
        valid = self.data.valid.batches(batch_size=size, shuffle=False)
        return {"validate": valid, "metrics": self.metrics}

    def details(self) -> dict[str, Setting]:
        """The hyperparameters of model and objective, with where each came from."""
        details = {}
        word = self.value("model")
        if self.model.spec is not None and isinstance(word, str) and not is_elsewhere(word):
            typed = Spec.parse(word)
            details |= arguments_of("model", typed, self.model.spec, self.settings["model"].origin)
        if self.card is None:
            return details
        spec = Spec.parse(self.value("objective"))
        return details | arguments_of("objective", spec, spec, self.settings["objective"].origin)


def planned(
    model: str | Spec | nn.Module | None,
    data: Any,
    /,
    *,
    config: str | Path | None = None,
    meta: bool = False,
    **given: Any,
) -> Plan:
    """Make and check everything that a training run needs; writes nothing.

    Args:
        model: a spec or a module, or where to begin: published weights, a run or a bundle (see
            `start`); may stand in the file instead. Where nobody names one, it is chosen for the
            data (see `choice`).
        data: a spec or a dataset; may stand in the file instead.
        config: a TOML file of settings, or a run folder.
        meta: build the model on torch's meta device: shapes without numbers.
        **given: settings (see `cartograd.apps.load.settings`).

    Raises:
        UsageError: whatever is wrong with model, data or settings.
    """
    settings = merged(config, {"model": model, "data": framed(data)} | given)
    settings, fitting = with_model(settings)
    begins, seed = settings["model"].value, settings["seed"].value
    before = begun(begins)
    asked: Any = settings["data"].value
    column = column_of_texts(asked, begins, before)
    read = dataset(asked, **column) if fitting is None or column else fitting.data
    examples = as_answered(as_read(read, begins, before), begins, before)
    if before is None:
        check_takes(begins, examples)
    settings["data"] = replace(settings["data"], value=noted(asked, **column))
    examples = _looked_for(examples, settings)
    if before is not None:
        examples = as_read_by(before.signature, asked, examples)
        before, examples = as_judge(before, examples, settings.get("objective"))
    examples, drawn = with_drawn(audited(examples, settings), settings, config)
    examples = _without_some(_poisoned_and_filtered(examples, settings))
    settings |= in_float32(settings)
    examples = public_statistics(examples, settings, tokenizer=before and before.tokenizer)
    settings, examples, dial = with_compute(settings, examples, new=before is None)
    if "augment" in settings:
        part = examples.train  # a generator's input is noise: what is augmented are its examples
        real = part.part if isinstance(part, OwnTargets) else examples
        of_signature(settings["augment"].value, real.signature)
    with torch.device("meta") if meta else nullcontext():
        frozen, init = settings["freeze"].value, settings["init"].value
        adapter = settings["adapter"].value
        built, told = start(
            settings["model"].value, examples.signature, seed=seed, frozen=frozen, adapter=adapter,
            init=init, source=before, tokenizer=examples.tokenizer,
        )  # fmt: skip
    built.tokenizer = examples.tokenizer
    fine = before is not None and frozen is not True and "heads" in (built.spec or Spec("")).args
    chosen = chosen_for(built, examples, settings, fine=fine)
    settings = {key: Setting(value, "default") for key, value in chosen.items()} | settings
    settings["objective"] = with_loss(settings)
    card = card_of(settings["objective"].value)
    settings |= usual_settings(card, settings)
    settings |= usual_of_private(settings) | usual_of_federated(settings)
    weights, examples = weights_of_classes(card, settings, examples)
    with torch.device("meta") if meta else nullcontext():
        objective = learned(settings, built, card, **weights)
    check_draws(built, settings["samples"].value)
    if card is not None:
        check_objective(card.name, examples.signature.task, examples)
    check_size(settings["batch_size"].value, examples)
    if settings["federated"].value is None:  # which says itself what it does not fit
        check_whole(
            "" if card is None else card.name,
            settings["batch_size"].value, settings["accumulate"].value, settings["epochs"].value,
            examples,
        )  # fmt: skip
    check_choices(settings, examples)
    _check_answer(built, examples, card)
    settings = {key: settings[key] for key in ("model", "data", *chosen)} | settings
    joined = None if meta else federated(objective, examples, settings)
    private = None if meta else kept_private(joined or objective, examples, settings)
    own = joined or (private if isinstance(private, Private) else objective)
    lines = ("" if fitting is None else fitting.told, dial, told)
    return Plan(built, examples, own, card, settings, lines, drawn, private, joined)


def _poisoned_and_filtered(data: Dataset, settings: Mapping[str, Setting]) -> Dataset:
    """The data with poison in its training part, without what a filter takes out of it again."""
    return filtered(with_poison(data, settings["poison"].value), settings["filter"].value)


def _check_answer(model: Signed, data: Dataset, card: Card | None) -> None:
    """Refuse a classifier of another number of classes, where the objective is the usual one."""
    task = data.signature.task
    usual = None if task.objective is None else Spec.parse(task.objective).name
    own = card is not None and card.name in (usual, own_objective(model))
    if own and task.target == "class" and not task.hides:
        check_answer(model, data)


def _looked_for(data: Dataset, settings: Mapping[str, Setting]) -> Dataset:
    """The data with the positive one of two classes in its signature, and a line on it."""
    named = settings["positive"].value if "positive" in settings else None
    if named is None and data.signature.target in EXAMPLES:
        return data
    output, told = with_positive(data.signature.output, data.train.targets, named)
    if not told:
        return data
    signature = replace(data.signature, outputs=(output, *data.signature.outputs[1:]))
    decided = [*data.about.get("decided", ()), told]
    return replace(data, signature=signature, about=data.about | {"decided": decided})


def _without_some(data: Dataset) -> Dataset:
    """The data with a line on the classes that a classifier finds no training example of."""
    told = told_of_unseen(without_examples(data)) if has_classes(data) else ""
    if not told:
        return data
    return replace(data, about=data.about | {"decided": [*data.about.get("decided", ()), told]})
