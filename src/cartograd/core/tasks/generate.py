"""Generation: new examples like those of the training data."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="generate",
    means="examples of its own",
    answer=ANSWERS + "generate",
    own_size=True,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with examples",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with examples"
        ),
        "train": "train has no objective for generated examples yet; give objective=...",
        "evaluate": "evaluate has no metrics for generated examples yet; give metrics=...",
    },
)
