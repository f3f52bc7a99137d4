"""Translation: the next token, given the source and the tokens so far."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="translate",
    means="one of {classes} classes at each position",
    answer=ANSWERS + "translate",
    target="class",
    objective="label-tokens",
    metrics=("accuracy", "nll", "perplexity", "bits-per-byte"),
    text_metrics=("bleu", "chrf"),
    sections=("translations",),
    classes_axis=-1,
    each=True,
    writes=1,
    generated="answer",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a text",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a text"
        ),
    },
)
