"""What a command of a row does, by the functions behind it, without the files at the end."""

import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple


class Learned(NamedTuple):
    """A model that was trained, and what that took.

    Attributes:
        model: in evaluation mode.
        cpu, wall: seconds of the training alone.
    """

    model: Any
    cpu: float
    wall: float


def learned(command: str, work: Path, /, *, reward: Any = None) -> Learned:
    """The model of a `cartograd train`, of which no weights of an earlier epoch are taken.

    Args:
        command: names the file of its data after a colon.
        work: where that file is.
        reward: in place of the objective's own.

    Raises:
        Stopped: a signal came while it learned; what has learned in part is no row's model.
    """
    import cartograd as cg
    from cartograd.apps.load.settings import parsed
    from cartograd.apps.verbs.plan import planned
    from cartograd.core.interrupt import stoppable
    from cartograd.engine.loop.fit import fit

    words = shlex.split(command)
    if "--import" in words:
        cg.use(words[words.index("--import") + 1])
    said = {key: words[words.index(key) + 1] for key in ("--data", "--optimizer", "--epochs")}
    given: dict[str, Any] = parsed(words[words.index("--set") + 1 :])
    given |= {"optimizer": said["--optimizer"], "epochs": int(said["--epochs"])}
    source, _, file = said["--data"].partition(":")
    start = time.process_time(), time.perf_counter()
    plan = planned(words[2], f"{source}:{work / file}", **given)
    objective: Any = plan.objective
    if reward is not None:
        objective.reward = reward
    with stoppable():
        fit(objective, plan.batches(), options=replace(plan.options, monitor=None, patience=None))
    took = time.process_time() - start[0], time.perf_counter() - start[1]
    return Learned(plan.model.eval(), *took)
