"""A text read off steps, of which class 0 says that there is nothing new (CTC's blank)."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="ctc",
    means="one of {classes} classes at each position",
    answer=ANSWERS + "ctc",
    target="class",
    objective="ctc",
    metrics=("label-error-rate",),
    classes_axis=-1,
    each=True,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a text",
    },
)
