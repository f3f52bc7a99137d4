"""The settings of `train`: what to train on what, and all options of `fit`.

It imports no torch, so that help is instant.
"""

# ruff: noqa: RUF009
# `option` makes a field, as `dataclasses.field` does.

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from cartograd.core.language import said
from cartograd.core.spec import Spec
from cartograd.engine.loop.option_fields import docs, hints, json_schema, option
from cartograd.engine.loop.options import FitFields, FitOptions


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """What to train on what; what is left out is chosen for the model and the data."""

    model: Any = option(
        None,
        "a spec like `resnet:depth=18`, or where to begin: published weights, a run or a bundle.",
    )
    data: Any = option(None, "a source, like `digits` or `csv:people.csv,target=income`.")
    objective: str | Spec | Callable[..., Any] | None = option(
        None,
        "spec of what the model learns; in Python also a function that makes an objective of the "
        "model.",
        expected="a spec, or a function of the model",
    )
    loss: str | Spec | Callable[..., Any] | None = option(
        None,
        "spec of the objective's loss (`focal:gamma=2`), as in `classify:loss=...`; in Python also "
        "a function of outputs and targets.",
        expected="a spec, or a function of outputs and targets",
    )
    batch_size: int | None = option(None, "examples in a batch.")
    augment: str | Spec | Sequence[Any] | None = option(
        None, "specs of what changes the training examples, one after the other."
    )
    drawn: str | None = option(
        None,
        "more training examples, drawn by the run of a generative model that knows their classes: "
        "`RUN,per_class=200`, and as of `generate` `sampler=` and `guidance=`. Those for "
        "validation and test stay as they are.",
        expected="a run or bundle, like RUN,per_class=200",
    )
    poison: str | Spec | None = option(
        None,
        "spec of what an attacker does to the training examples, to see what it takes and whether "
        "`scan` finds it: `badnets:target=3,share=0.05`. Those for validation and test stay clean.",
    )
    filter: str | Spec | None = option(
        None,
        "spec of a detector of poisoned or mislabelled examples, and a run by whose features it "
        "judges: `deep-knn:run=RUN`. Training examples that it flags are left out.",
    )
    class_weights: str | Mapping[str, float] | None = option(
        None,
        "how much examples of each class count: `balanced`, or weights by name like `yes:10,no:1`.",
        expected="balanced, or weights by the names of classes",
    )
    sampler: str | None = option(
        None,
        "`balanced` draws the training examples of each epoch with replacement, each class as "
        "often as any other.",
    )
    threshold: str | Spec | None = option(
        None,
        "spec of what decides from which probability on the positive class of two, or each label, "
        "is named; chosen on validation examples after the training: `f1`, `balanced-accuracy`, "
        "`cost:fp=1,fn=10`, `recall:at=0.9`.",
    )
    calibrate: str | None = option(
        None,
        "`temperature` divides the logits by the number under which validation examples are "
        "likeliest, so that the model is as sure as it is right.",
    )
    positive: Any = option(
        None,
        "of two classes the one that is looked for, by its name: precision, recall and F1 are "
        "those of this one.",
    )
    freeze: bool | str | Sequence[str] = option(
        False,
        "parts that keep their weights: names (a list, or with commas), or true for all that is "
        "not new.",
        expected="true, or names of parts",
    )
    adapter: str | Spec | None = option(
        None,
        "spec of what learns beside the weights of a model that has learned, which stay: "
        "`lora:rank=8`, `lora:rank=4,match=*attention*`.",
    )
    privacy: str | Spec | None = option(
        None,
        "spec of what bounds how much the weights tell of any one training example: "
        "`dp-sgd:epsilon=3`, `dp-sgd:noise=1.1,clip=0.5`. Batches are then drawn example by "
        "example, `batch_size` on average. Of a federation's clients: `dp-fedavg:epsilon=3`.",
    )
    federated: str | Spec | None = option(
        None,
        "spec of a federation whose clients keep their examples: `fedavg:clients=10`, "
        "`fedprox:clients=20,alpha=0.1,local_epochs=2`. An epoch is a round, `batch_size` that of "
        "a client, `optimizer` the server's.",
    )
    canaries: int | None = option(
        None,
        "so many training examples get a wrong class, and a coin decides for each whether it is "
        "learned from or left out: `cartograd leak RUN --method canaries` then tells by them what "
        "the model gives away.",
    )
    init: str | Spec | None = option(
        None, "spec of how all dense and convolutional weights start: `kaiming`, `xavier`."
    )
    compute: float | None = option(
        None,
        "operations that the training of a language model shall take, like `1e15`: its depth, "
        "width and heads, the batch, the rate and the tokens follow, but for those that are given.",
        expected="a number of operations, like 1e15",
    )
    yardstick: str = option(
        "auto",
        "`auto` fits a quick strong model on the same training part when the training is over "
        "(boosting on a table, logistic regression on TF-IDF or pixels) and says whether the model "
        "is better, on the same test examples; `none` does not.",
    )
    samples: int | None = option(
        None,
        "pictures that a generative model draws while it learns, always of the same noise, into "
        "`samples/` of the run; 0 for none.",
    )


class TrainFields(FitFields, total=False):
    """The settings of `train` as keywords, for type checkers."""

    objective: str | Spec | Callable[..., Any] | None
    loss: str | Spec | Callable[..., Any] | None
    batch_size: int | None
    augment: str | Spec | Sequence[Any] | None
    drawn: str | None
    poison: str | Spec | None
    filter: str | Spec | None
    class_weights: str | Mapping[str, float] | None
    sampler: str | None
    threshold: str | Spec | None
    calibrate: str | None
    positive: Any
    freeze: bool | str | Sequence[str]
    adapter: str | Spec | None
    privacy: str | Spec | None
    federated: str | Spec | None
    canaries: int | None
    init: str | Spec | None
    compute: float | None
    yardstick: str
    samples: int | None


OF_DATA = tuple(item.name for item in fields(DataOptions))
"""Settings that say what to train on what; all others are options of `fit`."""

KINDS: dict[str, Any] = hints(DataOptions) | hints(FitOptions)
"""Every setting and its type."""

CHOSEN = ("optimizer", "schedule", "epochs", "monitor", "patience", "clip", "save_every", "keep",
          "log_every", "profile")  # fmt: skip
"""Options of `fit` that are chosen for the model and the data."""

DEFAULTS: dict[str, Any] = (
    {item.name: item.default for item in fields(FitOptions) if item.name not in CHOSEN}
    | {"freeze": False, "yardstick": "auto"}
    | dict.fromkeys(("adapter", "filter", "poison", "privacy", "federated", "init"))
    | dict.fromkeys(("sampler", "threshold", "calibrate", "compute"))
)
"""Settings that do not depend on the model or the data."""

WORDS = {
    "yardstick": ("auto", "none"),
    "sampler": ("balanced", "none"),
    "calibrate": ("temperature", "none"),
}
"""Settings that are one of a few words."""


def owner(name: str, /) -> Any:
    """The dataclass that a setting belongs to."""
    return DataOptions if name in OF_DATA else FitOptions


def told() -> str:
    """Every setting and what it means, for the help of the command line."""
    meant = docs(DataOptions) | docs(FitOptions)
    shown = [name for name in meant if name not in ("model", "data", "optimizer", "epochs")]
    plain = str.maketrans({"`": "", "*": "\\*"})  # stars of patterns would be read as italics
    return (
        said("further settings as KEY=VALUE.")
        + "\n"
        + "\n".join(f"\n- {name}: {said(meant[name]).translate(plain)}" for name in shown)
    )


def schema() -> dict[str, Any]:
    """The JSON schema of a file of settings (`train --config`) and of a run's `config.toml`."""
    document = json_schema(DataOptions, FitOptions)
    tables = {name: {"type": "object"} for name in ("origin", "chosen")}
    return document | {"properties": document["properties"] | tables}
