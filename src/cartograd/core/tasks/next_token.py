"""Language modelling: logits of the next token, at each position of a text."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="next-token",
    means="one of {classes} classes at each position",
    answer=ANSWERS + "next_token",
    target="class",
    objective="label-tokens",
    also=("scheduled-sampling",),
    metrics=("accuracy", "nll", "perplexity", "bits-per-byte"),
    classes_axis=-1,
    each=True,
    generated="continuation",
    explained="class",
    refusals={
        "attack": (
            "attacks mislead classifiers; this model answers with the next token at each position"
        ),
    },
)
