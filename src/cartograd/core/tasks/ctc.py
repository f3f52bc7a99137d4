"""CTC: a text decoded from a logit per time step and label; class 0 is the blank."""

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
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a text"
        ),
    },
)
