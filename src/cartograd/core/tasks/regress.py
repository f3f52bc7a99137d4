"""Real numbers for each example, in the target's unit."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="regress",
    means="{values}",
    answer=ANSWERS + "regress",
    target="value",
    objective="regress",
    also=("factorise",),
    metrics=("rmse", "mae", "r2"),
    sections=("regression",),
    explained="value",
    head="classify",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a value",
    },
)
