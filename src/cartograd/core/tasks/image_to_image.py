"""Pictures of one domain as pictures of another, of which no pairs have to be known."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="image-to-image",
    means="a picture of the other domain",
    answer=ANSWERS + "generate",
    target="value",
    objective="cyclegan-game",
    sample_metrics=("frechet", "improved-precision", "improved-recall", "coverage"),
    own_size=True,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with pictures",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with pictures"
        ),
    },
)
