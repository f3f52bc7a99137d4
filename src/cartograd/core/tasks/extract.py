"""Where in a text the answer to a question stands: scores of a beginning and an end."""

from cartograd.core.task import ANSWERS, Task

REFUSED = "this model answers questions with a part of a text"

TASK = Task(
    name="extract",
    means="the part of a text that answers a question",
    answer=ANSWERS + "extract",
    own_size=True,
    asks=True,
    refusals={
        "attack": f"attacks mislead classifiers; {REFUSED}",
        "explain": f"explain follows one number of an answer back to the input; {REFUSED}",
        "train": f"train has no objective for such answers yet: {REFUSED}; give objective=...",
        "evaluate": f"evaluate has no metrics for such answers yet: {REFUSED}; give metrics=...",
    },
)
