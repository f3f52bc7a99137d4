"""Forecasting: low end, middle and high end of the interval of each future step."""

from cartograd.core.task import ANSWERS, Task

QUANTILES = (0.1, 0.5, 0.9)
"""What low end, middle and high end are: between the ends lie 80 % of the values."""

LEVEL = 0.8
"""How often an interval is to hold the value."""

TASK = Task(
    name="forecast",
    means="the steps to come",
    answer=ANSWERS + "forecast",
    target="value",
    objective="forecast",
    metrics=("mase", "smape", "mae", "rmse", "pinball", "interval-coverage"),
    sections=("forecasts",),
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a series",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a series"
        ),
    },
)
