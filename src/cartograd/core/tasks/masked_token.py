"""Masked language modelling: logits of the token at a mask."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="masked-token",
    means="one of {classes} classes at each position",
    answer=ANSWERS + "masked_token",
    target="class",
    objective="masked-language-model",
    metrics=("accuracy", "nll"),
    classes_axis=-1,
    each=True,
    hides=True,
    head="masked",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a token at each position",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a token at each position"
        ),
    },
)
