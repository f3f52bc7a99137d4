"""An entry of a league: a generative model that is trained for a budget, and what it draws."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from cartograd.apps.load.target import Target, as_bundle
from cartograd.apps.verbs.conditions import classes_of
from cartograd.apps.verbs.league_controls import Drawn
from cartograd.apps.verbs.sample import sample
from cartograd.apps.verbs.train import train
from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.engine.loop.budget import Budget

EPOCHS = 1_000_000
"""More than any budget pays for."""


@dataclass(frozen=True)
class Entry:
    """A model of a league.

    Attributes:
        name: as it was written: a model's spec, or MODEL/OBJECTIVE.
        model: the model's spec.
        objective: the objective's spec; empty for the model's own.
    """

    name: str
    model: str
    objective: str = ""

    @property
    def folder(self) -> str:
        """A name for its run folders."""
        return "".join(one if one.isalnum() or one in "-." else "-" for one in self.name)

    @property
    def is_steady(self) -> bool:
        """Whether its objective asks for one rate throughout, as games do."""
        card, _ = registry.find(Spec.parse(self.model).name, kind="model")
        asked = self.objective or card.objective
        if not asked:
            return False
        settings = registry.find(Spec.parse(asked).name, kind="objective")[0].settings
        return "schedule" in settings and settings["schedule"] is None


def entry_of(word: str, /) -> Entry:
    """An entry of its name.

    >>> entry_of("gan/wgan-gp")
    Entry(name='gan/wgan-gp', model='gan', objective='wgan-gp')

    Raises:
        UsageError: it is no spec.
    """
    model, _, objective = word.partition("/")
    for one in (model, *([objective] if objective else [])):
        Spec.parse(one)
    return Entry(word, model, objective)


def trained(
    entry: Entry, data: Dataset, budget: float, folder: Path, seed: int, /
) -> dict[str, Any]:
    """Train an entry, and leave its run folder; what it took: processor seconds and steps.

    The rate has fallen to 0 when the budget is spent, unless the objective is one whose rate stays.
    What lies in the folder is of a run that was stopped, and goes.

    Raises:
        UsageError: the model cannot be trained on these data.
    """
    shutil.rmtree(folder, ignore_errors=True)
    limit = Budget(budget)
    more: dict[str, Any] = {"objective": entry.objective} if entry.objective else {}
    run = train(
        entry.model, data, folder=folder, seed=seed, epochs=EPOCHS,
        schedule="constant" if entry.is_steady else limit.factor,
        device="cpu", callbacks=[limit], samples=0, **more,
    )  # fmt: skip
    if run.stopped == "interrupted":
        raise KeyboardInterrupt
    return {"train": limit.spent, "steps": run.steps}


def drawn_by(target: Target, count: int, seed: int, /) -> tuple[Drawn, dict[str, Any]]:
    """What a trained entry draws, and what each example costs.

    Raises:
        UsageError: it draws no examples.
    """
    bundle = as_bundle(target)
    model = bundle.model
    nfe = evaluations(model)
    begun = time.process_time()
    x = sample(model, count, seed=seed, device="cpu")
    seconds = time.process_time() - begun
    inner: Any = model.model
    bits = bundle.metrics.get("bits-per-dim")
    return Drawn(x, classes_of(model, None, count)), {
        "parameters": sum(one.numel() for one in model.parameters()),
        "ms": 1000 * seconds / count,
        "nfe": nfe,
        "bits": bits["value"] if bits else None,
        "kind": inner.likelihood if bits else "",
    }


def evaluations(model: Signed, /) -> int:
    """How often the network is called for one example: the part of it that is called most.

    Parts of all sizes are watched, not layers alone: a masked convolution's weights are used
    without calling it, but inside a part that is called.
    """
    counts: dict[int, int] = {}

    def count(part: nn.Module, *_: Any) -> None:
        counts[id(part)] = counts.get(id(part), 0) + 1

    parts = [one for one in model.modules() if any(True for _ in one.parameters())]
    handles = [one.register_forward_hook(count) for one in parts]
    try:
        sample(model, 1, device="cpu")
    finally:
        for handle in handles:
            handle.remove()
    return max(counts.values(), default=1)


def check_finite(drawn: Drawn, name: str, /) -> None:
    """Refuse examples with numbers that are not finite.

    Raises:
        UsageError: there are some.
    """
    broken = int((~drawn.x.flatten(1).isfinite().all(1)).sum())
    if broken:
        raise UsageError(f"{broken} of {len(drawn.x)} examples that {name} drew are not finite")
