"""Embedding: a vector, compared with others by cosine similarity."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="embed",
    means="{values}",
    answer=ANSWERS + "embed",
    own_size=True,
    explained="similarity",
    head="hidden",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a vector",
        "train": "train has no objective for embeddings yet; give objective=...",
        "evaluate": "evaluate has no metrics for embeddings yet; give metrics=...",
    },
)
