"""League: generative models of all families, trained alike and measured by the same judges."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.load.source import dataset
from cartograd.apps.load.target import Target, as_bundle
from cartograd.apps.results.league import League, Row
from cartograd.apps.verbs.drawn_samples import REAL
from cartograd.apps.verbs.judge import Judges
from cartograd.apps.verbs.judges import has_judges, judges_by, judges_of
from cartograd.apps.verbs.league_controls import controls
from cartograd.apps.verbs.league_entry import Entry, check_finite, drawn_by, entry_of, trained
from cartograd.apps.verbs.league_figures import Ruler, ruler_of
from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset

FAMILIES = (
    "gan", "gan/wgan-gp", "vae", "vq-vae", "v-diffusion", "edm", "flow-matching", "glow",
    "real-nvp", "pixelcnn",
)  # fmt: skip
"""The entries of a league, unless others are named."""

SHOWN = 20
"""Examples of each row that are shown."""

LEAST = 20
"""Examples of each row at least: fewer say nothing."""

Said = Callable[[str], object]


def league(
    data: str,
    /,
    *,
    budget: float = 300.0,
    models: Sequence[str] = FAMILIES,
    count: int = 1000,
    seed: int = 0,
    seeds: int = 1,
    folder: str | Path | None = None,
    judges: tuple[Target, Target] | None = None,
    said: Said = lambda _: None,
) -> League:
    """Train models on the same examples for the same time, and compare what they draw.

    An entry that is done is not done again: its figures lie in the folder, with the settings that
    they belong to. A model that cannot be trained on these examples is a row that says why.

    Args:
        data: spec of pictures with classes.
        budget: processor seconds of each training.
        models: specs of models, or MODEL/OBJECTIVE as in `gan/wgan-gp`.
        count: examples that each row is measured by.
        seed: of the trainings and drawings.
        seeds: how often each is trained and drawn, with this seed and those after it.
        folder: where to keep runs, figures and pages; `runs/league-DATA` if left out.
        judges: classifiers of such examples for features and for classes; by default those of the
            data, which are trained on first need and kept.
        said: told how it goes on.

    Raises:
        UsageError: the examples are no pictures with classes, or an argument is out of its range.
    """
    if not (math.isfinite(budget) and budget > 0):
        raise UsageError(f"budget={budget} is no time; expected processor seconds above 0")
    if count < LEAST:
        raise UsageError(f"count={count} examples say nothing; expected {LEAST} or more")
    if seeds < 1:
        raise UsageError(f"seeds={seeds} trains nothing; expected 1 or more")
    entries = [entry_of(word) for word in models]
    for entry in entries:
        _check(entry)
    found = dataset(data)
    if not has_judges(found):
        raise UsageError(f"a league is of pictures with classes, and {data} is none; take digits")
    place = Path(folder) if folder is not None else place_of(data)
    chosen = _judges(found, judges, said)
    ruler = ruler_of(found, chosen)
    about = {"data": data, "budget": budget, "count": count, "judges": chosen.digest}
    all_seeds = range(seed, seed + seeds)
    rows = [_row(entry, ruler, place, about, all_seeds, said) for entry in entries]
    rows.sort(key=lambda row: row.figures.get("nfid", math.inf))
    rows += _controls(ruler, count, all_seeds, said)
    result = League(
        data, budget, count, min(REAL, len(ruler.train)), tuple(all_seeds), chosen.digest,
        found.signature.classes or 0, rows, _again(about, models, all_seeds),
    )  # fmt: skip
    result.write(place)
    return result


def _controls(ruler: Ruler, count: int, seeds: Sequence[int], said: Said) -> list[Row]:
    """What needs no model, drawn as often as the models are."""
    drawn = [controls(ruler.data, count, seed=seed) for seed in seeds]
    rows = []
    for name, first in drawn[0].items():
        said(f"control: {name}")
        each = [ruler.figures(one[name], seed=seed) for seed, one in zip(seeds, drawn, strict=True)]
        rows.append(Row(name, tuple(each), True, "", first.x[:SHOWN]))
    return rows


def place_of(data: str, /) -> Path:
    """Where a league on these data lies, unless it is told another folder."""
    return Path("runs") / f"league-{Spec.parse(data).name}"


def _check(entry: Entry) -> None:
    """Refuse an entry that is no generative model, before any is trained."""
    card, _ = registry.find(Spec.parse(entry.model).name, kind="model")
    if entry.objective:
        registry.find(Spec.parse(entry.objective).name, kind="objective")
    if card.answers not in ("density", "generate"):
        raise UsageError(
            f"{entry.model} draws no examples; a league is of generative models such as "
            f"{', '.join(FAMILIES)}"
        )


def _judges(data: Dataset, given: tuple[Target, Target] | None, said: Said) -> Judges:
    if given is None:
        return judges_of(data, said=said)
    features, classes = (as_bundle(one) for one in given)
    return judges_by(features, classes)


def _row(
    entry: Entry,
    ruler: Ruler,
    place: Path,
    about: dict[str, Any],
    seeds: Sequence[int],
    said: Said,
) -> Row:
    """The row of an entry: what each seed gave, kept or made now."""
    each, pictures = [], None
    for seed in seeds:
        try:
            figures, shown = _entered(entry, ruler, place, about | {"seed": seed}, said)
        except UsageError as error:
            said(f"{entry.name}, seed {seed}: {error}")
            return Row(entry.name, failed=f"seed {seed}: {error}")
        each.append(figures)
        pictures = shown if pictures is None else pictures
    return Row(entry.name, tuple(each), pictures=pictures)


def _entered(
    entry: Entry, ruler: Ruler, place: Path, about: dict[str, Any], said: Said
) -> tuple[dict[str, Any], Tensor]:
    """The figures of an entry with one seed and some of what it drew, kept or made now.

    Raises:
        UsageError: it cannot be trained on these examples, or draws numbers that are not finite.
    """
    seed, word = about["seed"], f"{entry.name}, seed {about['seed']}"
    folder = place / "entries" / f"{entry.folder}-{seed}"
    told, pictures = folder.with_suffix(".json"), folder.with_suffix(".pt")
    settings = about | {"entry": entry.name}
    if told.is_file() and pictures.is_file():
        kept = json.loads(told.read_text(encoding="utf-8"))
        if kept["settings"] == settings:
            said(f"{word}: done before")
            return kept["figures"], torch.load(pictures)
    said(f"{word}: training for {about['budget']:g} processor seconds")
    spent = trained(entry, ruler.data, about["budget"], folder, seed)
    drawn, costs = drawn_by(folder, about["count"], seed)
    check_finite(drawn, entry.name)
    figures = costs | spent | ruler.figures(drawn, seed=seed)
    shown = drawn.x[:SHOWN].clone()
    torch.save(shown, pictures)
    write_file(told, json.dumps({"settings": settings, "figures": figures}, indent=2) + "\n")
    said(f"{word}: nFID {figures['nfid']:.1f}, coverage {figures['coverage']:.2f}")
    return figures, shown


def _again(about: dict[str, Any], models: Sequence[str], seeds: Sequence[int]) -> str:
    own = "" if tuple(models) == FAMILIES else f" --models {' '.join(models)}"
    return (
        f"cartograd league {about['data']} --budget {about['budget']:g} --count {about['count']} "
        f"--seed {seeds[0]} --seeds {len(seeds)}{own}"
    )
