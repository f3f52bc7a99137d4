"""Whether a run's files will fit on the disk."""

import shutil
from pathlib import Path

from cartograd.apps.answers import units
from cartograd.apps.verbs.cost import optimizer_bytes
from cartograd.apps.verbs.plan import Plan
from cartograd.core.errors import UsageError
from cartograd.engine.checkpoint.retention import NEWEST, Retention


def check_disk(plan: Plan, folder: Path, /) -> None:
    """Refuse a run whose checkpoints and bundle will not fit.

    A checkpoint holds the weights, the best weights, their average and what the optimizer keeps;
    a new one is written before an old one goes. Those that `every=` keeps besides are not counted.

    Raises:
        UsageError: they need more than is free.
    """
    tensors = [*plan.model.parameters(), *plan.model.buffers()]
    weights = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    keep = plan.value("keep")
    kept = NEWEST if keep is None else Retention.parse(keep)
    average = 1 if plan.value("average") else 0
    one = weights * (2 + average) + optimizer_bytes(plan)
    needed, free = one * (kept.last + kept.best + 1) + weights, shutil.disk_usage(folder).free
    if needed > free:
        raise UsageError(
            f"{folder}: {kept.last + kept.best + 1} checkpoints of {units.size(one)} and the "
            f"bundle need {units.size(needed)}, and the disk has {units.size(free)} left; make "
            "room, choose another --folder, or keep fewer: --set keep=last=1"
        )
