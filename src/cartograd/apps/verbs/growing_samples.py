"""Pictures that a generative model draws while it learns: the same noise, as it gets better."""

from pathlib import Path

from cartograd.apps.load.runs import SAMPLES, grids_of
from cartograd.apps.load.target import name_of
from cartograd.apps.report.samples import write_growth, write_samples
from cartograd.apps.verbs.conditions import columns_of
from cartograd.apps.verbs.sample import sample
from cartograd.core.errors import UsageError
from cartograd.core.generative import Draws, Lacks
from cartograd.core.signed import Signed
from cartograd.engine.device.randomness import preserved
from cartograd.engine.logging.view import View
from cartograd.engine.optim.average import averaged
from cartograd.generative.diffusion.denoiser import denoiser_of

PICTURES = 16
"""In a grid, unless told otherwise."""


def draws_pictures(model: Signed, /) -> bool:
    """Whether a model draws examples by itself, and they are pictures."""
    signature, inner = model.signature, model.model
    if signature.target != "example" or signature.example.kind != "image":
        return False
    if isinstance(inner, Lacks) and "sample" in inner.lacks:
        return False
    return signature.draws or isinstance(inner, Draws) or denoiser_of(inner) is not None


def check_draws(model: Signed, samples: int | None, /) -> None:
    """Refuse grids of a model that draws no pictures.

    Raises:
        UsageError: it draws none, and some are asked for.
    """
    if samples and not draws_pictures(model):
        raise UsageError(
            f"samples={samples} is for models that draw pictures while they learn, and "
            f"{name_of(model)} draws none; leave it out"
        )


def grid_epochs(epochs: int, /) -> list[int]:
    """After which epochs a grid is drawn: closely at first, where most changes, then ever less.

    So a long training pays for a few grids more than a short one, and not for one each epoch.

    >>> grid_epochs(40)
    [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40]
    """
    found = {epochs}
    for power in range(epochs.bit_length()):
        found |= {2**power, 3 * 2**power}
    return sorted(one for one in found if one <= epochs)


def told_of_grids(samples: int | None, epochs: int, /) -> str:
    """A line on what is drawn when, and how to have none; empty where nothing is drawn."""
    if not samples:
        return ""
    when = ", ".join(map(str, grid_epochs(epochs)))
    return f"draws {samples} pictures into {SAMPLES}/ after epochs {when}; samples=0 draws none"


class GrowingSamples:
    """A callback that draws grids of pictures into the run folder.

    Each is a file that is whole or absent, a function of the weights and the seed: a run that goes
    on from a checkpoint writes the same again. Nothing of the training is moved: not its random
    numbers, not its weights. Where weights are averaged, the average draws.

    Args:
        folder: of the run.
        count: pictures of a grid.
        seed: of their noise.
    """

    def __init__(self, folder: Path, /, *, count: int, seed: int):
        self.folder, self.count, self.seed = folder / SAMPLES, count, seed

    def on_epoch(self, view: View, /) -> None:
        """Draw a grid, if it is time."""
        if view.epoch in grid_epochs(view.epochs):
            with averaged(view.players):
                self._draw(view, f"epoch-{view.epoch:04}.png")

    def on_end(self, view: View, /) -> None:
        """Draw what the weights that are kept draw, and make the film of all grids."""
        last = self._draw(view, "kept.png")
        write_growth(self.folder / "growth.gif", [*grids_of(self.folder.parent), last])

    def _draw(self, view: View, name: str) -> Path:
        model = view.model
        assert isinstance(model, Signed)  # the plan's
        place = next(model.parameters()).device
        with preserved(place):
            x = sample(model, self.count, seed=self.seed, device=str(place))
        across = columns_of(model, None, self.count)
        return write_samples(self.folder / name, model.signature.example, x, across=across)
