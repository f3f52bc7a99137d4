import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Loss
from cartograd.training.diagnosis.lr_range import lr_range, rates
from tests.conformance.support import global_state_untouched, untouched
from tests.engine.toys import Toy, mlp, quadrants


class Parabola(nn.Module):
    """c/2 |w|^2, whatever the batch holds."""

    def __init__(self, curvature):
        super().__init__()
        self.model = nn.Linear(3, 1, bias=False, dtype=torch.float64)
        self.players = {"model": self.model}
        self.curvature = curvature

    def losses(self, batch):
        yield Loss(self.curvature / 2 * self.model.weight.square().sum())


@pytest.mark.law("lr-range")
@pytest.mark.parametrize("curvature", [1e-2, 1.0, 300.0])
def test_a_parabola_breaks_at_two_over_its_curvature(curvature):
    data = Toy(torch.zeros(8, 3))
    found = lr_range(
        Parabola(curvature), data, optimizers="sgd",
        low=1e-3 / curvature, high=20 / curvature, steps=200, decay=0.0,
    )  # fmt: skip
    below = [rate for rate in found.rates if rate < 2 / curvature]
    # The loss noted with a rate is that before its step.
    assert found.limit == found.rates[len(below)]
    assert found.suggestion < 2 / curvature
    assert found.ended == "rose" or found.rates[-1] == pytest.approx(20 / curvature)


@pytest.mark.law("lr-range")
def test_losses_are_those_of_a_loop_by_hand():
    model, (x, y) = mlp(2, 8, 2).double(), quadrants(96)
    x, data = x.double(), Toy(x.double(), y)
    found = lr_range(
        build("classify", model=model), data, optimizers="sgd:momentum=0.9", low=1e-3, high=1.0,
        steps=9, seed=3,
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    losses = []
    batches = [batch for epoch in range(3) for batch in data.epoch(epoch, seed=3)]
    for rate, batch in zip(rates(low=1e-3, high=1.0, steps=9), batches, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert found.losses == pytest.approx(losses, rel=1e-10)


def test_the_suggestion_trains_and_a_hundred_times_more_does_not():
    x, y = quadrants(640)
    objective = build("classify", model=mlp(2, 32, 2))
    found = lr_range(objective, Toy(x, y), optimizers="sgd:momentum=0.9", low=1e-5, high=100.0)
    assert found.suggestion < found.limit
    assert found.ended in ("rose", "not finite")

    def after(rate):
        from cartograd.engine.loop.fit import fit

        again = build("classify", model=mlp(2, 32, 2))
        run = fit(
            again, Toy(x, y), optimizers=f"sgd:momentum=0.9,lr={rate}", epochs=4, device="cpu"
        )
        return run.history[-1]["train/loss"]

    assert after(found.suggestion) < 0.9 * after(found.suggestion / 1000)
    assert after(found.suggestion) < 0.35


def test_nothing_is_left_behind():
    x, y = quadrants(64)
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2))
    model[0].weight.grad = torch.ones(4, 2)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 16, shuffle=True)
    objective = build("classify", model=model)
    model.eval()
    with untouched(model), global_state_untouched():
        first = lr_range(objective, loader, steps=10)
        assert lr_range(objective, loader, steps=10) == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1.0, "high": 0.1}, "from low=1 to high=0.1"),
        ({"steps": 2}, "steps=2 is too few"),
        ({"optimizers": "adamww"}, "did you mean 'adamw'"),
    ],
)
def test_wrong_options_are_one_line(options, message):
    with pytest.raises(UsageError, match=message):
        lr_range(build("classify", model=mlp(2, 4, 2)), Toy(*quadrants(32)), **options)


@pytest.mark.untyped
def test_no_batches_and_no_objective_are_refused():
    with pytest.raises(UsageError, match="no batches"):
        lr_range(build("classify", model=mlp(2, 4, 2)), [])
    with pytest.raises(UsageError, match="is no objective"):
        lr_range(mlp(2, 4, 2), Toy(*quadrants(32)))


def test_noise_is_no_fall():
    """Where the weights do not matter the loss only varies: there is nothing to suggest."""

    class Noise(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Linear(1, 1)
            self.players = {"model": self.model}

        def losses(self, batch):
            yield Loss(0 * self.model(batch[0])[:, 0] + batch[1])

    for seed in range(10):
        values = torch.randn(640, generator=torch.Generator().manual_seed(seed))
        found = lr_range(Noise(), Toy(torch.ones(640, 1), values), seed=seed)
        assert found.suggestion is None
        assert found.limit is None
