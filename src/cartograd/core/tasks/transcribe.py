"""Transcription: the next token, given the sound and the tokens so far."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="transcribe",
    means="one of {classes} classes at each position",
    answer=ANSWERS + "transcribe",
    target="class",
    objective="label-tokens",
    metrics=("accuracy", "nll"),
    classes_axis=-1,
    each=True,
    writes=1,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a text",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a text"
        ),
    },
)
