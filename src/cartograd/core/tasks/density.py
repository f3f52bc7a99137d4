"""The logarithm of each example's density, in nats."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="density",
    means="the log-density of an example",
    answer=ANSWERS + "density",
    target="example",
    objective="likelihood",
    metrics=("bits-per-dim", "log-density"),
    own_size=True,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a density",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a density"
        ),
    },
)
