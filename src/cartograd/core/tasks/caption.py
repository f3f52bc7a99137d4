"""Captions: the words that say what an example shows."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="caption",
    means="the words of a caption",
    answer=ANSWERS + "generate",
    each=True,
    refusals={
        "train": (
            "train has no objective for captions yet; their pictures are learned by a model that "
            "reads texts: latent-diffusion"
        ),
        "evaluate": "evaluate has no metrics of captions yet; give metrics=...",
        "attack": "attacks mislead classifiers; this model answers with a caption",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a caption"
        ),
    },
)
