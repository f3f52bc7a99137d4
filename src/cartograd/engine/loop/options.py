"""The options of a training run: one typed, frozen dataclass.

`fit` and `train` take its fields as keywords; the help of the command line, the checks of run files
and the JSON schema are read off it. It imports no torch, so that help is instant.
"""

# ruff: noqa: RUF009
# `option` makes a field, as `dataclasses.field` does.

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from cartograd.core.errors import unknown
from cartograd.core.spec import Spec
from cartograd.engine.loop.option_fields import canonical, check, json_schema, names, option

DECAYS = ("all", "matrices")
"""Which weights may decay."""
Spoken = str | Spec | Callable[..., Any]
"""A spec, or a function of a user's own."""
Specs = Spoken | Mapping[str, Spoken]
"""One for every player, or one for each by name."""


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How to train. Wrong types and values out of range are refused when it is made.

    >>> FitOptions(epochs=3, optimizer="sgd:lr=0.1").epochs
    3
    """

    optimizer: Specs = option(
        "adamw:lr=1e-3",
        "spec of the optimizer, or one for each player; in Python also a function that makes one "
        "of torch's kind of the parameters.",
        expected="a spec, or a function of the parameters",
    )
    decay: str = option(
        "matrices",
        "which weights an optimizer's weight decay shrinks: `matrices` leaves biases, norms and "
        "embeddings alone, `all` is the old way. A run that is resumed keeps its own.",
    )
    layer_decay: float | None = option(
        None,
        "factor of the learning rate for each layer below the last (0.9 lets the first layers of a "
        "pretrained model change least).",
    )
    groups: str | Mapping[str, str] | None = option(
        None,
        "another `lr`, `weight_decay` or `optimizer` (that of the run, or `adamw`) by name, first "
        "match: `*.bias:weight_decay=0;head.*:lr=0.1,optimizer=adamw` or a table of patterns.",
        expected="patterns with settings",
    )
    schedule: Specs | None = option(
        None,
        "spec of the learning-rate schedule, or one for each player (see "
        "`cartograd.engine.optim.schedule`); in Python also a function of the step (from 0) that "
        "gives the factor of the rate.",
        expected="a spec, or a function of the step",
    )
    epochs: int = option(10, "how often to go through the data.")
    monitor: str | None = option(
        None,
        "the number that says which epoch is best, `valid/loss` unless told otherwise. Losses "
        "fall, and a metric's card says which way it is better; of a number of your own say it: "
        "`min:valid/x`, `max:valid/x`.",
    )
    patience: int | None = option(
        None, "stop after this many epochs without a better one; `0` or `none`: never."
    )
    min_delta: float = option(0.0, "how much better counts.")
    clip: float | str | Spec | None = option(
        None,
        "largest norm of a player's gradient, or a spec of another limit: `value:max=0.5` for each "
        "number, `adaptive:max=0.01` for each unit beside its weights.",
        expected="a number or a spec",
    )
    accumulate: int = option(1, "batches whose gradients make one step, equal to one large batch.")
    average: str | Spec | None = option(
        None,
        "spec of an average of the weights (`ema:decay=0.999`, `tail:share=0.25`): it is validated "
        "and monitored, and it is what the run ends with.",
    )
    recompute: bool | str | Sequence[str] = option(
        False,
        "keep only the inputs of blocks and run these again in the backward pass, for less memory; "
        "true chooses the blocks, names (a list, or with commas) say which.",
        expected="true, or names of parts",
    )
    nonfinite: str | Spec = option(
        "stop",
        "what to do when a loss or a gradient is not finite: `stop` and say where it began, `skip` "
        "that batch, or `rollback` to the last checkpoint, leave the batch out and halve the "
        "learning rate for a while (`rollback:steps=100,tries=3`).",
    )
    precision: str = option(
        "auto",
        "`float32`, `bf16` for the products of the forward and backward pass, `fp16` (on GPUs, the "
        "loss scaled so that small gradients are kept), or `auto`: bf16 "
        "where the device computes it by itself and the first batch's products are so large that "
        "it pays. `bf16-emulated` and `fp16-emulated` compute slowly where there is no arithmetic "
        "for it, to see what it does to a model.",
    )
    device: str = option("auto", "`auto`, `cpu`, `cuda` or `mps`.")
    seed: int = option(0, "seed of all random numbers in the run.")
    save_every: int | None = option(
        None,
        "steps between checkpoints; by default about every half minute, so that they take at most "
        "a hundredth of the time. They are written beside the training.",
    )
    keep: str | None = option(
        None,
        "which checkpoints stay: `last=2,best=1,every=1000` for the newest two, that of the best "
        "epoch and that of each thousandth step, the latter saved in any case. By default the "
        "newest two, each with the best weights in it.",
    )
    exact: bool = option(
        True,
        "refuse to resume where it cannot be bit for bit, as under another version of torch.",
    )
    log_every: int | None = option(
        None,
        "steps that a line of losses in `metrics.jsonl` covers, as means over them; by default a "
        "fiftieth of an epoch.",
    )
    compile: bool = option(
        False,
        "run the players through `torch.compile`; with a warning they run as they are where that "
        "fails.",
    )
    autotune: bool = option(
        False,
        "choose the memory layout of images and the number of threads in about a second of steps "
        "on copies.",
    )
    deterministic: bool = option(
        False, "use only operations of torch that give the same bits each time."
    )
    sinks: str | Sequence[Any] = option(
        (),
        "where numbers go besides `metrics.jsonl`: `tensorboard`, `mlflow`, `wandb`, or callbacks "
        "that are called in the lead process only and whose failure is a warning.",
        expected="names of sinks",
    )
    profile: int | None = option(
        None, "steps to trace with torch's profiler, into the folder's `trace.json`."
    )
    parallel: str = option(
        "ddp",
        "how several processes share the work: `ddp` (each has all weights and its rows of each "
        "batch), `fsdp` (weights, gradients and moments are spread over them), `tensor` (a layer's "
        "units are). Without effect in a process alone. Processes belong together when a process "
        "group has been initialised, or torchrun's environment says so.",
    )

    def __post_init__(self) -> None:
        for name in names(FitOptions):
            check(FitOptions, name, getattr(self, name), "fit: ")
        if self.decay not in DECAYS:
            raise unknown("choice of weights that decay", self.decay, DECAYS)

    @classmethod
    def of(cls, options: "FitOptions | None", given: Mapping[str, Any], /) -> "FitOptions":
        """Options with some of them given otherwise, by their present or earlier names.

        Raises:
            UsageError: an unknown name (with the nearest one), a wrong type or a value out of
                range.
        """
        known = canonical(given)
        for name in known:
            if name not in names(cls):
                raise unknown("option of fit", name, names(cls))
        return replace(cls() if options is None else options, **known)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON schema of these options in a file."""
        return json_schema(cls)


class FitFields(TypedDict, total=False):
    """The fields of `FitOptions` as keywords of `fit`, and their earlier names, for type checkers.

    A test compares it with `FitOptions`.
    """

    optimizer: Specs
    decay: str
    layer_decay: float | None
    groups: str | Mapping[str, str] | None
    schedule: Specs | None
    epochs: int
    monitor: str | None
    patience: int | None
    min_delta: float
    clip: float | str | Spec | None
    accumulate: int
    average: str | Spec | None
    recompute: bool | str | Sequence[str]
    nonfinite: str | Spec
    precision: str
    device: str
    seed: int
    save_every: int | None
    keep: str | None
    exact: bool
    log_every: int | None
    compile: bool
    autotune: bool
    deterministic: bool
    sinks: str | Sequence[Any]
    profile: int | None
    parallel: str
    optimizers: Specs
    schedules: Specs | None
