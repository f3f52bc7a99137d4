"""Yes or no by a single logit, such as whether two texts mean the same."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="score",
    means="yes or no",
    answer=ANSWERS + "classify",
    classes_axis=0,
    target="class",
    objective="classify",
    metrics=("accuracy", "f1", "nll", "ece"),
    metrics_of_two=("accuracy", "precision", "recall", "f1", "nll", "ece"),
    metrics_of_many=("accuracy", "nll"),
    sections=("confusion", "ranking", "reliability", "mistakes"),
    explained="class",
    attacked="class",
    head="classify",
)
