"""A class at each position: a token of a text, a moment of a sound."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="tag",
    means="one of {classes} classes at each position",
    answer=ANSWERS + "tag",
    target="class",
    objective="label-tokens",
    also=("crf",),
    metrics=("accuracy", "nll"),
    classes_axis=-1,
    each=True,
    head="tag",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a class at each position",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a class at each position"
        ),
    },
)
