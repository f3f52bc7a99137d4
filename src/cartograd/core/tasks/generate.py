"""Generation: examples like those of the training data, each made of noise of its own."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="generate",
    means="examples of its own",
    answer=ANSWERS + "generate",
    target="example",
    draws=True,
    sample_metrics=("frechet", "improved-precision", "improved-recall", "coverage"),
    own_size=True,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with examples",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with examples"
        ),
        "train": "train has no objective for generated examples yet; give objective=...",
    },
)
