"""Reconstruction: each example again, made of a code that is shorter than it."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="reconstruct",
    means="each example again",
    answer=ANSWERS + "generate",
    target="example",
    rebuilds=True,
    objective="regress",
    metrics=("psnr",),
    own_size=True,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with examples",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with examples"
        ),
    },
)
