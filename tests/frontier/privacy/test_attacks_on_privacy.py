"""Who was in a training, and what: shadow models, audits, inversions."""

import math

import pytest
import torch
from scipy.stats import beta, binom, norm
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.dataset.canaries import with_canaries
from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.fit import fit
from cartograd.evidence.lab import dataset, few, train
from cartograd.frontier.privacy import independent, shadows
from cartograd.frontier.privacy.audit import audited, chance
from cartograd.frontier.privacy.canaries import canaries
from cartograd.frontier.privacy.dp_sgd import dp_sgd
from cartograd.frontier.privacy.gradient_inversion import gradient_inversion
from cartograd.frontier.privacy.lira import likelihood_ratio, lira
from cartograd.frontier.privacy.loss_threshold import loss_threshold
from cartograd.frontier.privacy.model_inversion import invert, model_inversion, total_variation
from cartograd.frontier.privacy.rmia import relative, rmia
from cartograd.training.objectives.classify import Classify


def network(widths=64, seed=0, **more):
    torch.manual_seed(seed)
    return build(f"mlp:widths=[{widths}]", signature=dataset("digits").signature, **more)


def labelled(split):
    return split.inputs, split.targets


@pytest.fixture(scope="module")
def known():
    """A network that knows 200 digits by heart, three in ten with a drawn label, and others."""
    data = dataset("digits")
    part = few(data.train, 400, seed=0)
    draw = torch.Generator().manual_seed(0)
    drawn = torch.rand(400, generator=draw) < 0.3
    y = part.targets.where(~drawn, torch.randint(10, (400,), generator=draw))
    mixed = Split(part.inputs, y, data.signature)
    members, others = mixed.select(range(200)), mixed.select(range(200, 400))
    model = network()
    train(model, members, seed=0, epochs=30, optimizer="adamw:lr=3e-3", batch_size=32)
    return model, labelled(members), labelled(others)


@pytest.mark.place("privacy/membership-inference")
@pytest.mark.law("loss-threshold")
def test_members_are_told_of_a_model_that_knows_them(known):
    model, members, others = known
    found = loss_threshold(model, members, others, epsilon=0.1)
    assert found.leaks
    assert found.refuted
    assert "REFUTED" in found.verdict
    assert found.leak.low > 0.55
    assert found.control.low < 0.5 < found.control.high
    assert found.by_chance == found.control.auc
    blank = loss_threshold(network(seed=5), members, others)
    assert not blank.leaks
    assert "no proof" in blank.verdict


@pytest.mark.place("privacy/membership-inference")
@pytest.mark.law("lira")
@pytest.mark.law("rmia")
def test_shadows_find_more_than_the_loss(known):
    model, members, others = known
    plain = loss_threshold(model, members, others)
    for attack in (lira, rmia):
        found = attack(model, members, others)
        assert found.leak.low > plain.leak.high
        assert found.leak.hits[0.01] > 4 * max(plain.leak.hits[0.01], 0.01)
        assert found.epsilon > plain.epsilon
        assert found.control.low < 0.5 < found.control.high


@pytest.mark.law("lira")
def test_likelihood_ratios_are_those_of_normal_densities():
    draw = torch.Generator().manual_seed(0)
    phi = torch.randn(64, 5, generator=draw).double()
    inside = shadows.halves(5, 64, seed=1)
    own = torch.randn(5, generator=draw).double()
    ratios = []
    for at in range(5):
        seen, unseen = phi[inside[:, at], at].numpy(), phi[~inside[:, at], at].numpy()
        both = [norm(part.mean(), part.std()).logpdf(float(own[at])) for part in (seen, unseen)]
        ratios.append(both[0] - both[1])
    torch.testing.assert_close(
        likelihood_ratio(own, phi, inside), torch.tensor(ratios, dtype=torch.float64)
    )


@pytest.mark.law("rmia")
def test_relative_likelihoods_are_counted_one_by_one():
    draw = torch.Generator().manual_seed(0)
    own, phi = torch.randn(6, generator=draw).double(), torch.randn(3, 6, generator=draw).double()
    ratio = own.sigmoid() / phi.sigmoid().mean(0)
    by_hand = [sum(float(ratio[x] / ratio[z]) >= 1.2 for z in (3, 4, 5)) / 3 for x in range(6)]
    found = relative(own, phi, torch.tensor([3, 4, 5]), gamma=1.2)
    assert found.tolist() == pytest.approx(by_hand)


@pytest.mark.law("lira")
@pytest.mark.parametrize("foreign", [True, False])
def test_side_by_side_shadows_are_those_that_learn_alone(monkeypatch, foreign):
    data = dataset("digits")
    part = few(data.train, 60, seed=1)
    layers = nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10)
    own = nn.Sequential(nn.Flatten(), *layers)
    model = cg.sign(own, data.signature) if foreign else network(8)
    inside = shadows.halves(60, 4, seed=0)
    lessons = shadows.Lessons("sgd:lr=0.1,momentum=0.9", epochs=3, batch_size=10)
    given = model, part.inputs, part.targets, inside, lessons
    before = torch.get_rng_state()
    together = shadows.taught(*given)
    assert torch.equal(torch.get_rng_state(), before)
    monkeypatch.setattr(shadows, "_together", lambda *_: False)
    alone = shadows.taught(*given)
    for one, other in zip(together, alone, strict=True):
        for (name, x), y in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
            torch.testing.assert_close(x, y, rtol=1e-3, atol=1e-4, msg=name)
    first, second = (m(part.inputs) for m in together[:2])
    assert not torch.equal(first, second)


def test_shadows_need_a_network_that_can_be_made_anew():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.zeros(4, 2))

        def forward(self, x):
            return x @ self.table

    x, y = torch.rand(20, 4), torch.arange(20) % 2
    with pytest.raises(UsageError, match=r"Own holds weights and has no reset_parameters\(\)"):
        lira(Own(), (x[:10], y[:10]), (x[10:], y[10:]))
    with pytest.raises(UsageError, match="shadows=5: every example is to be in half"):
        lira(nn.Linear(4, 2), (x[:10], y[:10]), (x[10:], y[10:]), shadows=5)


@pytest.mark.law("canaries")
@pytest.mark.parametrize("eps", [0.5, 2.0])
def test_the_audit_of_one_training_holds_for_randomised_response_and_nears_it(eps):
    """Each of 2000 bits is told truly with chance e^eps / (1 + e^eps): that has this eps."""
    honest, bounds = math.exp(eps) / (1 + math.exp(eps)), []
    for seed in range(20):
        draw = torch.Generator().manual_seed(seed)
        there = torch.rand(2000, generator=draw) < 0.5
        told = torch.where(torch.rand(2000, generator=draw) < honest, there, ~there).double()
        bounds.append(audited(told[there], told[~there]))
    assert sum(bound > eps for bound in bounds) <= 2
    assert sum(bounds) / len(bounds) > 0.75 * eps


@pytest.mark.law("canaries")
def test_without_delta_the_bound_is_that_of_clopper_and_pearson():
    ranks = torch.arange(200.0).flip(0)  # 85 members, 15 others, 15 members, 85 others
    members, others = (torch.cat([ranks[a], ranks[b]]) for a, b in (
        (slice(85), slice(100, 115)), (slice(85, 100), slice(115, 200))
    ))  # fmt: skip
    least = (0.05 / 3) ** (1 / 100)  # the half that is surest: 100 of 100 guesses are right
    assert audited(members, others) == pytest.approx(math.log(least / (1 - least)), abs=1e-3)
    least = beta.ppf(0.05 / 3, 170, 31)
    eps = math.log(least / (1 - least))
    assert chance(200, 200, 170, eps=eps, delta=0) == pytest.approx(0.05 / 3)
    bounds = [audited(members, others, delta=delta) for delta in (0.0, 1e-5, 1e-3, 1e-1)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > bounds[2] > bounds[3] == 0
    by_hand = binom.sf(9, 20, 0.5) + 2 * 40 * 0.01 * max(
        binom.pmf(range(10 - i, 10), 20, 0.5).sum() / i for i in range(1, 11)
    )
    assert chance(40, 20, 10, eps=0.0, delta=0.01) == pytest.approx(by_hand)


@pytest.mark.place("privacy/membership-inference")
@pytest.mark.law("canaries")
def test_an_open_training_that_is_declared_private_is_refuted():
    whole = cg.dataset("digits")
    found = with_canaries(whole, 400, seed=3)
    assert len(found.members) + len(found.others) == 400
    assert len(found.data.train) == len(whole.train) - len(found.others)
    again = with_canaries(whole, 400, seed=3)
    assert torch.equal(again.members.inputs, found.members.inputs)
    rows = {tuple(x): int(y) for x, y in zip(whole.train.inputs.flatten(1).tolist(),
            whole.train.targets, strict=True)}  # fmt: skip
    wrong = [rows[tuple(x)] for x in found.members.inputs.flatten(1).tolist()]
    assert not (found.members.targets == torch.tensor(wrong)).any()
    open_one, private = network(), network()
    train(open_one, found.data.train, seed=0, epochs=40, optimizer="adamw:lr=3e-3")
    made = dp_sgd(
        Classify(model=private), found.data.train, 256, 4, epsilon=1, delta=1e-4, secret=0
    )
    fit(made, made.batches(), epochs=4, optimizer="adamw:lr=3e-3", seed=0, device="cpu")
    given = labelled(found.members), labelled(found.others)
    told, kept = (canaries(model, *given, epsilon=1.0, delta=1e-4) for model in (open_one, private))
    assert told.refuted
    assert told.epsilon > 1.5
    assert "REFUTED: eps >= " in told.verdict
    assert not kept.refuted
    assert kept.epsilon < 1


def test_canaries_that_cannot_be_are_refused():
    data = cg.dataset("digits")
    with pytest.raises(UsageError, match=r"canaries=5 is out of range; expected 20 .* 1,264 train"):
        with_canaries(data, 5, seed=0)
    with pytest.raises(UsageError, match="has not one input and one of several classes"):
        with_canaries(cg.dataset("digits:only=3"), 50, seed=0)


@pytest.mark.law("model-inversion")
def test_a_linear_model_is_inverted_to_a_corner():
    layer = nn.Linear(6, 2, bias=False)
    layer.weight.data = torch.tensor([[0.1, -0.1, 0.2, -0.2, 0.3, -0.3], [0.0] * 6])
    how = {"steps": 300, "lr": 0.3, "smoothness": 0.0, "seed": 0}
    made = invert(layer, torch.tensor([0, 1]), (-1.0, 2.0), (6,), **how)
    corner = torch.tensor([2.0, -1.0] * 3)
    torch.testing.assert_close(made[0], corner, atol=0.3, rtol=0)
    torch.testing.assert_close(made[1], 1 - corner, atol=0.3, rtol=0)
    flat = torch.full((1, 1, 3, 3), 0.7)
    assert total_variation(flat) == 0


@pytest.mark.place("privacy/model-inversion")
@pytest.mark.law("model-inversion")
def test_classes_are_recognised_less_of_a_private_model():
    """Of thirty examples of each digit; what all of many examples share, privacy does not hide."""
    data = dataset("digits")
    part = few(data.train, 300, seed=0)
    open_one, private = network(), network()
    train(open_one, part, seed=0, epochs=20, optimizer="adamw:lr=3e-3", batch_size=32)
    made = dp_sgd(Classify(model=private), part, 60, 5, epsilon=1, delta=1e-3, secret=0)
    fit(made, made.batches(), epochs=5, optimizer="adamw:lr=3e-3", seed=0, device="cpu")
    given = labelled(part), labelled(data.test)
    found, kept = (
        model_inversion(model, *given, steps=80, epochs=10) for model in (open_one, private)
    )
    assert found.leaks
    assert found.interval[0] > 0.7
    assert found.interval[0] > kept.interval[1]
    assert found.by_chance < 0.3
    assert found.known > 0.85
    assert float((found.alike - found.unlike).mean()) > 0.3
    assert float((kept.alike - kept.unlike).mean()) < 0.3


@pytest.mark.law("gradient-inversion")
@pytest.mark.parametrize(("form", "bend"), [("cosine", nn.Sigmoid), ("squares", nn.ReLU)])
def test_the_quotient_of_a_dense_layers_gradients_is_found(form, bend):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), bend(), nn.Linear(8, 3))
    x, y = torch.rand(20, 5), torch.arange(20) % 3
    given = (x[:10], y[:10]), (x[10:], y[10:])
    found = gradient_inversion(model, *given, examples=2, form=form, steps=60, restarts=1)
    for at in range(2):
        model.zero_grad()
        nn.functional.cross_entropy(model(x[at : at + 1]), y[at : at + 1]).backward()
        alive = model[0].bias.grad != 0
        quotient = (model[0].weight.grad / model[0].bias.grad[:, None])[alive]
        torch.testing.assert_close(quotient.mean(0), x[at], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.made.float(), x[:2])
    assert float(found.decibels.min()) > 100
    assert float(found.noised.max()) < 25
    assert found.named == 2


@pytest.mark.place("privacy/model-inversion")
@pytest.mark.law("gradient-inversion")
def test_digits_come_back_from_gradients():
    data = dataset("digits")
    model = network(32, activation="tanh")
    first = next(part for part in model.modules() if isinstance(part, nn.Linear))
    first.register_parameter("bias", None)  # else no search is needed
    given = labelled(data.train.select(range(10))), labelled(data.test)
    found = gradient_inversion(model, *given, examples=3, steps=80, restarts=1)
    assert float(found.decibels.min()) >= 25
    assert float(found.noised.max()) < float(found.usual.min())
    assert found.value == 1
    assert found.by_chance == 0
    assert found.named == 3


@pytest.mark.parametrize(
    "name",
    ["loss-threshold", "lira", "rmia", "canaries", "model-inversion", "gradient-inversion"],
)
def test_too_few_examples_and_values_are_refused(name):
    x, y = torch.rand(20, 4), torch.arange(20) % 2
    attack = build(name, kind="privacy-attack")
    with pytest.raises(UsageError, match="3 examples tell nothing; expected 10 at least"):
        attack(nn.Linear(4, 2), (x[:3], y[:3]), (x, y))
    with pytest.raises(
        UsageError, match=r"needs a class for each example; these are torch\.float32"
    ):
        attack(nn.Linear(4, 2), (x, x), (x, y))


def test_inversions_of_texts_name_what_tells_of_them():
    model = torch.nn.Sequential(
        torch.nn.Embedding(9, 4), torch.nn.Flatten(), torch.nn.Linear(12, 2)
    )
    part = torch.randint(0, 9, (40, 3)), torch.arange(40) % 2
    for attack in (gradient_inversion, model_inversion):
        with pytest.raises(UsageError, match="tokens have none; of models of texts loss-threshold"):
            attack(model, part, part)


def test_advice_on_batch_normalisation_is_for_models_that_have_it():
    class Counts(torch.nn.Linear):
        def __init__(self):
            super().__init__(3, 1)
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, x):
            self.seen += x.sum()
            return super().forward(x)

    few = (torch.randn(4, 3, generator=torch.Generator().manual_seed(0)),)
    normed = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    for model, word, other in ((normed, "batch normalisation", "without it"),
                               (Counts(), "a model without it", "batch")):  # fmt: skip
        with pytest.raises(UsageError, match=word) as told:
            independent.check(model, lambda batch, model=model: model(batch[0])[:, 0], few)
        assert other not in str(told.value)
    mixed = torch.nn.Linear(3, 1)
    with pytest.raises(UsageError, match=r"\(mixup, contrasts between examples\)"):
        independent.check(mixed, lambda batch: mixed(batch[0])[:, 0] - mixed(batch[0]).mean(), few)
