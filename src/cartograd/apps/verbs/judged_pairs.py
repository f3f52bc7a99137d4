"""How many of the test pairs a reward model tells apart."""

from typing import Any

from cartograd.apps.verbs.evaluate import at_once
from cartograd.apps.verbs.plan import Plan
from cartograd.engine.device.device import pick
from cartograd.engine.loop.evaluate import validation
from cartograd.practice.metrics.proportion import exact


def compares(plan: Plan, /) -> bool:
    """Whether a training is of rewards, which only pairs of answers measure."""
    return plan.model.signature.task.name == "reward"


def told_apart(plan: Plan, /) -> dict[str, dict[str, Any]]:
    """The share of test pairs whose better answer has the higher reward, with its interval."""
    part = plan.data.test
    batches = part.batches(batch_size=at_once(plan.data.signature), shuffle=False)
    found = validation(
        plan.objective, batches, model=None, metrics={}, device=pick(plan.value("device")),
        precision="float32", seed=plan.value("seed"),
    )  # fmt: skip
    assert found is not None
    share = found["valid/accuracy"]
    low, high = exact(share * len(part), len(part))
    return {"accuracy": {"value": share, "low": low, "high": high, "examples": len(part)}}
