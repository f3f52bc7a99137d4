"""Tasks: what a model's answer means, named on its output port.

A task is one file in `core/tasks/` with a literal `TASK`; it is found by its name. Core knows no
method, so a task only names them: the objective, the metrics, the sections of the report, and the
module that turns outputs into answers. Tasks of a user's own come in by `add`.
"""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from cartograd.core.errors import UsageError, unknown

ANSWERS = "cartograd.apps.answers."
"""Where the answers of our own tasks are made."""

EXAMPLES = ("example", "whole")
"""Right answers that are the examples themselves, whatever the data are for."""

MANY = 1000
"""More classes than these are words, and have no figures for each of them."""


@dataclass(frozen=True)
class Task:
    """What an answer means, and what follows from it.

    Attributes:
        name: what ports call it.
        means: what the model answers with, for readers; `{classes}` and `{values}` are filled
            in.
        answer: the module whose `answers(asked)` makes the answers.
        target: what a right answer is: a `class`, whose number is that of the port's label;
            `classes`, 0 or 1 for each label; a `value` in a unit of its own, of which the model
            gives the standardised form; `boxes` of things of the port's labels (`core.boxes`); the
            `example` itself, of which the model gives the
            density, or one of its own; the `whole` picture, of which the model sees a degraded
            version; or none of these.
        draws: whether the model gives examples of its own, made of noise.
        rebuilds: whether the model gives the examples themselves again.
        objective: spec of the default objective; none if there is none yet.
        also: further objectives for this task, which models may ask for.
        metrics: what is measured unless told otherwise.
        metrics_of_two: the same for two classes (or the single logit of yes and no), if it
            differs.
        metrics_of_many: the same for more than `MANY` classes, if it differs.
        text_metrics: what is measured of the texts that the model writes, where it can write.
        sample_metrics: what is measured of the examples that the model draws, against real ones.
        sections: names of the report's sections about the answers.
        classes_axis: which of the output's dimensions counts the classes; none if there are no
            classes to choose from.
        own_size: whether the model itself settles how many numbers it answers with (those of an
            embedding), rather than the data.
        each: whether each position of an example has an answer, and counts as one.
        of_pixels: whether these positions are a picture's pixels, with which the answers move.
        hides: whether what is to be answered has to be hidden from the model first.
        asks: whether an example is a text that is asked a question.
        writes: how many of the inputs are what the model itself has written so far.
        generated: what `generate` writes: a `continuation` of a text, an `answer` to it, or
            nothing.
        explained: which number of the output explain takes: a `class` (after the last token where
            each position has one), a `value`, the `similarity` to another example, or none.
        attacked: which number an attack turns: a `class`, or none.
        head: what models with several heads (BERT) call the one that gives such answers; empty
            where none does.
        refusals: by verb, the sentence with which it declines.
    """

    name: str
    means: str
    answer: str
    target: str | None = None
    draws: bool = False
    rebuilds: bool = False
    objective: str | None = None
    also: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    metrics_of_two: tuple[str, ...] = ()
    metrics_of_many: tuple[str, ...] = ()
    text_metrics: tuple[str, ...] = ()
    sample_metrics: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    classes_axis: int | None = None
    own_size: bool = False
    each: bool = False
    of_pixels: bool = False
    hides: bool = False
    asks: bool = False
    writes: int = 0
    generated: str | None = None
    explained: str | None = None
    attacked: str | None = None
    head: str = ""
    refusals: Mapping[str, str] = field(default_factory=dict)

    def check(self, verb: str, /) -> None:
        """Decline what cannot be done for such answers.

        Raises:
            UsageError: the task has a sentence for this verb, or names nothing that it could
                work on.
        """
        if verb in self.refusals:
            raise UsageError(self.refusals[verb])
        if verb == "verify" and self.attacked != "class":
            raise UsageError(
                f"verify proves of classifiers that no change turns the class; this model is of "
                f"the task {self.name!r}"
            )
        works_on = {"attack": self.attacked, "explain": self.explained}
        if verb in works_on and works_on[verb] is None:
            raise UsageError(f"{verb} has nothing to work on in answers of the task {self.name!r}")

    def takes(self, objective: str, /) -> bool:
        """Whether an objective that a model asks for can learn such answers.

        One that other tasks name needs an answer at each position if theirs do, and is no way to
        learn an order; one that no task names is the model's own affair.

        >>> find("classify").takes("masked-language-model")
        False
        >>> find("tag").takes("crf")
        True
        """
        naming = [
            other for other in map(find, names()) if objective in (other.objective, *other.also)
        ]
        orders = self.target is None and self.objective is not None and not self.each
        if orders and naming and self not in naming:
            return False
        return self.each or not any(other.each for other in naming)

    def usual_metrics(self, classes: int | None = None, /) -> tuple[str, ...]:
        """The metrics for so many classes.

        Raises:
            UsageError: there are none.
        """
        if not self.metrics:
            self.check("evaluate")
            raise UsageError(f"evaluate has no metrics for the task {self.name!r} yet; name them")
        of_so_many = ()
        if classes is not None and classes <= 2:
            of_so_many = self.metrics_of_two
        elif classes is not None and classes > MANY:
            of_so_many = self.metrics_of_many
        return of_so_many or self.metrics


_ADDED: dict[str, Task] = {}


def add(task: Task, /) -> Task:
    """Make a task of a user's own known by its name.

    Raises:
        UsageError: another task has this name.
    """
    if task.name in names() and _ADDED.get(task.name) != task:
        raise UsageError(f"there is a task {task.name!r} already; call yours something else")
    _ADDED[task.name] = task
    return task


def names() -> tuple[str, ...]:
    """The names of all tasks.

    >>> "next-token" in names()
    True
    """
    return (*_own(), *_ADDED)


def find(name: str, /) -> Task:
    """The task of this name.

    >>> find("regress").metrics
    ('rmse', 'mae', 'r2')

    Raises:
        UsageError: there is none.
    """
    if name in _ADDED:
        return _ADDED[name]
    if name not in _own():
        raise unknown("task", name, names())
    return import_module(_module(name)).TASK


@cache
def _own() -> tuple[str, ...]:
    folder = import_module("cartograd.core.tasks").__path__
    return tuple(one.name.replace("_", "-") for one in pkgutil.iter_modules(folder))


def _module(name: str) -> str:
    return f"cartograd.core.tasks.{name.replace('-', '_')}"
