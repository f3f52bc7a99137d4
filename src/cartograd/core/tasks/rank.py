"""A score for each item; the highest stands first."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="rank",
    means="an order of {classes} items",
    answer=ANSWERS + "rank",
    objective="rank-items",
    also=("in-batch-softmax", "bpr"),
    metrics=("ndcg", "ctr", "cvr"),
    refusals={
        "attack": "attacks mislead classifiers; this model answers with an order",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with an order"
        ),
    },
)
