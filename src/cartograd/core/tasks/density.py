"""The logarithm of each example's density, in nats."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="density",
    means="the log-density of an example",
    answer=ANSWERS + "density",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a density",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a density"
        ),
        "train": "train has no objective for densities yet; give objective=...",
        "evaluate": "evaluate has no metrics for densities yet; give metrics=...",
    },
)
