"""What it costs that clients see other classes, on digits."""

import pytest

from cartograd.apps.verbs.federated import by_class
from cartograd.apps.verbs.plan import planned
from cartograd.engine.loop.fit import fit


@pytest.mark.place("privacy/federated")
def test_clients_with_other_classes_cost_accuracy():
    found = {}
    for alpha in ("none", "0.05"):
        plan = planned(
            "mlp:widths=[16]", "digits", epochs=3, batch_size=16,
            federated=f"fedavg:clients=6,lr=0.5,local_epochs=2,alpha={alpha},central=true",
        )  # fmt: skip
        run = fit(plan.objective, plan.batches(), options=plan.options, **plan.validation())
        found[alpha] = [one["valid/accuracy"] for one in run.history]
        central = run.history[-1]["valid/central/accuracy"]
        seen = [sum(count > 0 for count in own) for own in by_class(plan.federation, plan.data)]
        assert (min(seen) == 10) == (alpha == "none")
    assert central > 0.9
    assert found["none"][-1] > 0.85
    assert max(found["0.05"]) < found["none"][-1] - 0.05
