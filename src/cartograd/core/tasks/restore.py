"""Whole pictures, each of a degraded version of itself."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="restore",
    means="the whole picture of a degraded one",
    answer=ANSWERS + "restore",
    target="whole",
    objective="restore",
    also=("pix2pix-game",),
    metrics=("psnr", "ssim"),
    own_size=True,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a picture",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a picture"
        ),
    },
)
