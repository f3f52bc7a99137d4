"""Forecasting: low end, middle and high end of the interval of each future step."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="forecast",
    means="the steps to come",
    answer=ANSWERS + "forecast",
    target="value",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a series",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a series"
        ),
        "train": "train has no objective for forecasts yet; give objective=...",
        "evaluate": "evaluate has no metrics for forecasts yet; give metrics=...",
    },
)
