"""Train generative models of all families alike, and compare what they draw by the same judges.

Each has the same examples, the same seconds of the processor and the same judges; rows of controls
(real examples, ones learned by heart, noise) show what a figure is worth.
"""

from typing import Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Folder, Many, Seed
from cartograd.apps.cli.names import naming


def league_(
    data: Annotated[str, naming("data")],
    /,
    *,
    budget: float = 300.0,
    models: Many = (),
    count: int = 1000,
    seed: Seed = 0,
    seeds: int = 1,
    folder: Folder = None,
    judges: Annotated[Many, naming("target")] = (),
    json: bool = False,
) -> None:
    """Train generative models of all families alike, and compare what they draw.

    What is done is kept in the folder and not done again, so a league that was stopped goes on
    with the same line.

    Args:
        data: pictures with classes, like digits or fashion-mnist.
        budget: processor seconds of each training.
        models: entries: specs of models, or MODEL/OBJECTIVE as in gan/wgan-gp; by default one of
            each family.
        count: examples that each row is measured by.
        seed: of the trainings and drawings.
        seeds: how often each is trained, with this seed and those after it; the table has means and
            standard deviations.
        folder: where to keep runs, figures and pages; runs/league-DATA if left out.
        judges: two runs or bundles of classifiers, for features and for classes; by default those
            of the data, which are trained on first need and kept.
        json: print one object.
    """
    from cartograd.apps.results.league import NARROW
    from cartograd.apps.verbs.league import FAMILIES, league, place_of
    from cartograd.core.errors import UsageError

    if len(judges) not in (0, 2):
        raise UsageError(
            f"{len(judges)} judges were given; expected two: for features, for classes"
        )
    own = (judges[0], judges[1]) if judges else None
    found = league(
        data, budget=budget, models=models or FAMILIES, count=count, seed=seed or 0,
        seeds=seeds, folder=folder, judges=own, said=output.note,
    )  # fmt: skip
    if json:
        output.emit(found.to_json())
        return
    head, rows = found.table(NARROW)
    output.table(head, rows, right=head[1:-1])
    place = folder or place_of(data)
    output.lines([("pages", f"{place}/league.html, .md and .json"), ("again", found.repeat)])
