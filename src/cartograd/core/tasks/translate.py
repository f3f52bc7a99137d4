"""Translation: the next token, given the source and the tokens so far."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="translate",
    means="one of {classes} classes at each position",
    answer=ANSWERS + "translate",
    target="class",
    objective="label-tokens",
    metrics=("accuracy", "nll", "perplexity", "bits-per-byte"),
    classes_axis=-1,
    each=True,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a text",
        "predict": (
            "a translator writes its answers token by token; use generate in place of predict"
        ),
    },
)
