"""What a run will cost, against counts by hand and against the run itself."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.cost import cost, costed, probe
from cartograd.apps.verbs.plan import planned
from cartograd.engine.loop.fit import fit


def test_lenet5_by_hand():
    found = cost(planned("lenet5", "digits", meta=True))
    # Multiplications and additions forward; backward the same again for the weights and for the
    # inputs, which the first layer does not need.
    c1, c3 = 2 * 28 * 28 * 6 * 25, 2 * 10 * 10 * 16 * 150
    dense = 2 * (400 * 120 + 120 * 84 + 84 * 10)
    assert found.flops == 3 * (c1 + c3 + dense) - c1
    assert found.parameters == sum(layer.parameters for layer in found.layers) == 61_706
    assert [layer.shape for layer in found.layers if layer.kind == "Conv2d"] == [
        (32, 6, 28, 28),
        (32, 16, 10, 10),
    ]
    assert found.steps == 15 * 40
    assert found.memory["gradients"] == 4 * 61_706
    assert found.memory["optimizer"] == 2 * 4 * 61_706
    assert found.total == sum(found.memory.values())


@pytest.mark.parametrize(
    ("optimizer", "copies"),
    [("sgd:lr=0.1", 0), ("sgd:lr=0.1,momentum=0.9", 1), ("adamw", 2), ("adagrad", 1)],
)
def test_what_the_optimizer_keeps_is_what_it_keeps_in_a_run(optimizer, copies):
    settings = {"optimizer": optimizer, "epochs": 1, "accumulate": 2}
    found = cost(planned("mlp:widths=[8]", "moons", meta=True, **settings))
    assert found.memory["optimizer"] == copies * 4 * found.parameters
    plan = planned("mlp:widths=[8]", "moons", **settings)
    assert (
        fit(plan.objective, plan.batches(), options=plan.options, **plan.validation()).steps
        == found.steps
    )


def test_activations_are_those_that_autograd_saves():
    widths = cost(planned("mlp:widths=[8]", "moons", meta=True, batch_size=32)).memory
    wider = cost(planned("mlp:widths=[8]", "moons", meta=True, batch_size=64)).memory
    # but for a number or two that are saved once for the batch
    assert wider["activations"] == pytest.approx(2 * widths["activations"], abs=64)
    assert wider["data"] == widths["data"]


def test_a_model_that_cannot_take_the_data():
    data = cg.tensors(torch.randn(60, 2), torch.arange(60) % 2)
    with pytest.raises(cg.UsageError, match="Linear does not take what the signature says"):
        cost(planned(nn.Linear(3, 2).to("meta"), data, meta=True))


@pytest.mark.parametrize(
    ("model", "data"),
    [("crnn:width=4,dim=6", "digit-lines:examples=20"),
     ("stylegan2:width=2,latent=4", "digits"), ("edm:width=8", "digits"),
     ("perceptron", "separable")],
)  # fmt: skip
def test_what_looks_at_numbers_is_counted_with_numbers(model, data):
    plan, found = costed(model, data, batch_size=2, epochs=1)
    assert found.parameters == sum(item.numel() for item in plan.model.parameters()) > 0
    assert found.memory["activations"] > 0


def test_numbers_or_none_the_count_is_the_same():
    args = ("mlp:widths=[8]", "moons")
    real, meta = (cost(planned(*args, meta=meta)) for meta in (False, True))
    assert real == meta


def test_the_probe_times_real_steps():
    costs = cost(planned("mlp:widths=[8]", "moons", epochs=3, meta=True))
    step, whole, timed = probe(planned("mlp:widths=[8]", "moons", epochs=3), costs.flops)
    assert 0 < step < 1
    assert whole >= costs.steps * step
    assert timed == 32


def test_of_a_step_of_much_work_a_part_is_timed(monkeypatch):
    sizes = []
    forward = nn.Linear.forward

    def noted(self, x):
        sizes.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(nn.Linear, "forward", noted)
    *_, timed = probe(planned("mlp:widths=[8]", "moons", epochs=1), 4e10)
    assert timed == max(sizes) == 2
