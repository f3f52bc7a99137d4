"""Regularisers by spec in a training run."""

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources.digits import digits
from cartograd.engine.loop.fit import fit
from cartograd.training.regularization.l1 import zeros
from cartograd.training.regularization.mixup import mixup
from tests.engine.toys import Toy, mlp, quadrants


class PowerCutError(BaseException):
    """Nobody catches it, and nothing is saved."""


def objective(model=None, **args):
    torch.manual_seed(0)
    return build("classify", model=model or mlp(2, 16, 2), **args)


def test_a_penalty_is_added_in_training_alone_and_spares_biases():
    plain, batch = objective(), quadrants(20)
    priced = objective(plain.model, penalty="l1:weight=0.1")
    price = 0.1 * sum(p.abs().sum() for p in plain.model.parameters() if p.ndim > 1)
    difference = next(priced.losses(batch)).value - next(plain.losses(batch)).value
    torch.testing.assert_close(difference, price.expand(20))
    assert torch.equal(priced.validate(batch)["loss"], plain.validate(batch)["loss"])


def test_the_loss_form_of_l2_is_decoupled_decay_under_plain_descent_and_not_under_adam():
    """Penalty s w^2 is torch's weight_decay 2 s; AdamW's decay is another thing than Adam's."""
    x, y = quadrants(60)

    def ends(optimizers, penalty=None):
        made = objective(mlp(2, 16, 2).double(), penalty=penalty)
        for i, p in enumerate(made.model.parameters()):
            nn.init.normal_(p, generator=torch.Generator().manual_seed(i))
            p.requires_grad_(p.ndim > 1)
        fit(made, [(x.double(), y)], optimizers=optimizers, epochs=10)
        return torch.cat([p.detach().flatten() for p in made.model.parameters()])

    loss_form = ends("sgd:lr=0.1", "l2:weight=0.05")
    torch.testing.assert_close(loss_form, ends("sgd:lr=0.1,weight_decay=0.1"))
    adam = ends("adam:lr=0.01", "l2:weight=0.05")
    torch.testing.assert_close(adam, ends("adam:lr=0.01,weight_decay=0.1"))
    decoupled = ends("adamw:lr=0.01,weight_decay=0.1")
    assert (adam - decoupled).abs().max() > 0.01


@pytest.mark.law("proximal")
def test_the_share_of_zeros_grows_with_the_strength_on_digits():
    data = digits()
    x, y = data.train.inputs.flatten(1), data.train.targets

    def share(strength, *, proximal):
        torch.manual_seed(0)
        made = objective(
            nn.Linear(x.shape[1], 10), penalty=None if proximal else f"l1:weight={strength}"
        )
        rule = f"proximal:lr=0.5,weight={strength}" if proximal else "sgd:lr=0.5"
        fit(made, Toy(x, y, batch_size=128), optimizers=rule, epochs=8)
        return zeros(made.model.weight)

    exact = [share(strength, proximal=True) for strength in (0.0, 1e-3, 1e-2, 3e-2)]
    assert exact == sorted(exact)
    assert exact[0] < 0.05
    assert exact[2] > 0.2
    assert exact[3] > exact[1] + 0.2
    # Pixels that are always black have weights that nothing moves but the price, to and fro.
    assert share(1e-2, proximal=False) < 0.05


@pytest.mark.parametrize("loss", ["cross-entropy", "focal:gamma=2", "hinge"])
def test_mixup_blends_inputs_and_losses(loss):
    x, y = quadrants(30)
    made = objective(loss=loss, mix="mixup:alpha=0.7")
    torch.manual_seed(5)
    found = next(made.losses((x, y))).value
    torch.manual_seed(5)
    blend, t = mixup(x, torch.nn.functional.one_hot(y, 2).float(), alpha=0.7)
    logits = made.model(blend)
    each = torch.stack([made.loss(logits, torch.full_like(y, k)) for k in range(2)], 1)
    torch.testing.assert_close(found, (t * each).sum(1))
    assert torch.equal(made.validate((x, y))["outputs"], made.model(x))


def test_a_batch_of_one_class_can_be_mixed():
    made = objective(mix="mixup")
    x = torch.randn(4, 2)
    for value in (0, 1):
        loss = next(made.losses((x, torch.full((4,), value)))).value
        assert loss.shape == (4,)
        assert loss.isfinite().all()


def test_values_are_mixed_with_their_inputs():
    """A linear model of linear data is as right about blends as about examples."""
    x = torch.randn(20, 3)
    model = nn.Linear(3, 1)
    made = build("regress", model=model, mix="mixup")
    assert next(made.losses((x, model(x).detach()))).value.abs().max() < 1e-10


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_a_mixed_run_resumes_exactly(mix, tmp_path):
    x, y = torch.rand(60, 1, 6, 6), torch.arange(60) % 3
    options = {"epochs": 4, "seed": 2, "schedules": "cosine:warmup=0.1"}

    class Stopping(Toy):
        def epoch(self, number, /, *, seed, start=0):
            for i, batch in enumerate(super().epoch(number, seed=seed, start=start)):
                if number == 2 and i == 3:
                    raise PowerCutError
                yield batch

    def made():
        torch.manual_seed(0)
        return objective(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), mix=mix)

    whole, broken, again = made(), made(), made()
    fit(whole, Toy(x, y, batch_size=10), **options)
    with pytest.raises(PowerCutError):
        fit(broken, Stopping(x, y, batch_size=10), folder=tmp_path / "r", save_every=4, **options)
    fit(again, Toy(x, y, batch_size=10), folder=tmp_path / "r", resume=True, **options)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"penalty": "l3"}, "unknown penalty 'l3'; did you mean 'l"),
        ({"penalty": "mixup"}, "unknown penalty 'mixup'"),
        ({"penalty": "l1:weight=-1"}, "out of range"),
        ({"mix": "dropout"}, "unknown mix 'dropout'; expected one of: cutmix, mixup"),
        ({"mix": "mixup:alpha=0"}, "out of range"),
    ],
)
def test_a_wrong_regulariser_is_one_clear_line(args, message):
    with pytest.raises(UsageError, match=message):
        objective(**args)
