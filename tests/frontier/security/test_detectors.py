"""Detectors of poisoned examples and of backdoors, against planted ones and references."""

import math

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.explain.studies.hidden import hidden
from cartograd.frontier.security.detectors.fine_pruning import fine_pruned, last_layer
from cartograd.frontier.security.detectors.independent import components_of, silhouette, two_groups
from cartograd.frontier.security.detectors.mahalanobis import Gaussians
from cartograd.frontier.security.detectors.neural_cleanse import (
    CONSISTENT,
    SUSPICIOUS,
    anomaly,
    neural_cleanse,
)
from cartograd.frontier.security.detectors.spectral_signatures import signature_scores
from cartograd.frontier.security.detectors.strip import entropies
from cartograd.frontier.security.detectors.unlearning import unlearned
from cartograd.practice.metrics.roc_auc import roc_auc
from tests.frontier.security.poisoned import case, right, success
from tests.reference import Reference

covariance = Reference("sklearn.covariance")
decomposition = Reference("sklearn.decomposition")
cluster = Reference("sklearn.cluster")
metrics = Reference("sklearn.metrics")


def said(method, model, data):
    return build(method, kind="detector")(
        model, data.train.inputs, data.train.targets, case().trusted
    )


def auc(scores, planted):
    scores = scores.double()
    return roc_auc(torch.stack([-scores, scores], 1), planted.long())


@pytest.mark.oracle("mahalanobis")
def test_distances_are_those_by_scikit_learns_covariance():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 30, generator=generator).double(), torch.arange(40) % 4
    x = x * torch.linspace(0.5, 3, 30) + y[:, None]
    means = torch.stack([x[y == k].mean(0) for k in range(4)])
    fitted = covariance.LedoitWolf(assume_centered=True).fit((x - means[y]).numpy())
    theirs = torch.from_numpy(fitted.mahalanobis((x - means[y]).numpy()))
    torch.testing.assert_close(Gaussians(x, y)(x, y), theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.law("mahalanobis")
def test_poison_is_far_from_trusted_examples_of_its_class():
    told = said("mahalanobis", case().bad, case().data)
    assert auc(told.scores, case().planted) >= 0.98
    assert told.flagged[case().rows].double().mean() >= 0.9
    unharmed = said("mahalanobis", case().good, case().clean)
    assert unharmed.flagged.double().mean() <= 0.03


@pytest.mark.oracle("activation-clustering")
def test_components_and_groups_are_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    hidden_ones = torch.rand(800, 3, generator=generator).double() * 2 - 1
    hidden_ones[:, 2] = hidden_ones[:, 2].sign() * hidden_ones[:, 2].abs() ** 3
    mixed = hidden_ones @ torch.tensor([[1.0, 0.4, 0.2], [0.1, 1.0, 0.5], [0.3, 0.2, 1.0]]).double()
    ours = components_of(mixed, 3)
    fitted = decomposition.FastICA(
        3, random_state=0, whiten="unit-variance", tol=1e-8, max_iter=500
    )
    theirs = torch.from_numpy(fitted.fit_transform(mixed.numpy()))
    alike = (ours.T @ theirs / len(mixed)).abs()
    torch.testing.assert_close(alike.amax(1), torch.ones(3).double(), rtol=0, atol=1e-4)
    assert sorted(alike.argmax(1).tolist()) == [0, 1, 2]
    two = torch.cat([torch.randn(90, 3, generator=generator), torch.randn(30, 3) * 0.5 + 3])
    inside = two_groups(two.double())
    means = cluster.KMeans(2, n_init=10, random_state=0).fit(two.numpy())
    labels = torch.from_numpy(means.labels_).bool()
    assert torch.equal(inside, labels if labels.sum() <= 60 else ~labels)
    expected = metrics.silhouette_score(two.numpy(), inside.numpy())
    assert silhouette(two.double(), inside) == pytest.approx(expected, abs=1e-5)


@pytest.mark.law("activation-clustering")
def test_what_is_flagged_of_the_poisoned_class_is_the_poison():
    told = said("activation-clustering", case().bad, case().data)
    own = case().data.train.targets == 3
    flagged = told.flagged & own
    assert (case().planted[flagged]).double().mean() >= 0.9
    assert flagged[case().rows].double().mean() >= 0.5
    assert not told.decides


@pytest.mark.oracle("spectral-signatures")
def test_scores_are_those_of_the_first_component():
    own = case().data.train.targets == 3
    features = hidden(case().bad, case().data.train.inputs, None)[own]
    theirs = decomposition.PCA(1).fit_transform(features.numpy())[:, 0] ** 2
    torch.testing.assert_close(signature_scores(features), torch.from_numpy(theirs))
    told = said("spectral-signatures", case().bad, case().data)
    torch.testing.assert_close(told.scores[own].double(), torch.from_numpy(theirs), rtol=1e-4,
                               atol=1e-4)  # fmt: skip


@pytest.mark.law("spectral-signatures")
def test_trap_uncentred_spectral_scores_rank_poison_last():
    """ART projects features that are not centred: their first direction is that of the mean."""
    generator = torch.Generator().manual_seed(0)
    features = 0.1 * torch.randn(200, 5, generator=generator).double()
    features[:, 0] += 20
    planted = torch.arange(200) < 15
    features[planted, 1] += 3
    features[planted, 0] -= 1
    assert auc(signature_scores(features), planted) == 1
    way = torch.linalg.svd(features, full_matrices=False)[2][0]
    assert auc((features @ way).square(), planted) < 0.1


@pytest.mark.law("strip")
def test_a_trigger_keeps_its_answer_under_other_pictures():
    told = said("strip:draws=10", case().bad, case().data)
    assert auc(told.scores, case().planted) >= 0.95
    assert said("strip:draws=5", case().good, case().clean).flagged.double().mean() <= 0.03
    port = Port("x", "vector", (2,), bounds=(0.0, 1.0))
    label = Port("y", "label", (2,), task="classify")
    alike = nn.Linear(2, 2)
    alike.weight.data.zero_()
    alike.bias.data = torch.tensor([0.0, 0.0])
    x = torch.rand(6, 2, generator=torch.Generator().manual_seed(0))
    model = cg.sign(alike, Signature((port,), (label,)))
    over = torch.zeros(6, 3, dtype=torch.long)
    same = entropies(model, x, x, over, (0.0, 1.0))
    torch.testing.assert_close(same, torch.full((6,), math.log(2)))
    alike.bias.data = torch.tensor([500.0, 0.0])
    assert not entropies(model, x, x, over, (0.0, 1.0)).any()


@pytest.mark.law("neural-cleanse")
def test_a_pixel_that_means_a_class_is_found():
    """Six patterns that differ in half of their pixels, and one pixel that is stronger than all."""
    patterns = torch.tensor(
        [[(-1.0) ** (i & k).bit_count() for i in range(16)] for k in range(1, 7)]
    )
    layer = nn.Linear(16, 6)
    layer.weight.data, layer.bias.data = patterns.clone(), torch.zeros(6)
    layer.weight.data[:, 5] = 0
    layer.weight.data[2, 5] = 40.0
    port = Port("x", "image", (1, 4, 4), bounds=(0.0, 1.0))
    label = Port("y", "label", (6,), task="classify")
    model = cg.sign(nn.Sequential(nn.Flatten(), layer), Signature((port,), (label,)))
    y = torch.arange(60) % 6
    x = (1 + patterns[y]) / 2
    x[:, 5] = 0
    x = x.reshape(-1, 1, 4, 4)
    assert right(model, x, y) == 1
    found = neural_cleanse(model, x, y, steps=150)
    assert found.suspects == (2,)
    assert found.norms.index(min(found.norms)) == 2
    mask = found.masks[2].flatten()
    assert int(mask.argmax()) == 5
    assert mask[5] > 0.5 * mask.sum()
    assert found.success[2] >= 0.98
    assert model(found.stamped(x, 2)).argmax(1).eq(2).double().mean() == pytest.approx(
        found.success[2]
    )


@pytest.mark.law("neural-cleanse")
def test_trap_of_ten_classes_the_norms_themselves_hide_a_backdoor():
    """Ten clean norms differ by factors, which makes their deviation too large; logarithms do not
    mind. Of few classes the deviation says nothing at all."""
    norms = [11.6, 63, 80, 95, 110, 130, 150, 170, 190, 215]
    middle = sorted(norms)[4:6]
    middle = sum(middle) / 2
    apart = sorted(abs(one - middle) for one in norms)
    usual = CONSISTENT * (apart[4] + apart[5]) / 2
    assert (middle - norms[0]) / usual < SUSPICIOUS < anomaly(norms)[0]
    assert all(abs(one) < SUSPICIOUS for one in anomaly(norms)[1:])
    assert all(math.isnan(one) for one in anomaly([0.1, 50, 60, 55]))


@pytest.mark.law("neural-cleanse")
@pytest.mark.place("threat/backdoor")
def test_a_backdoor_is_planted_found_and_removed():
    clean, model = case().clean, case().bad
    x, y = clean.test.inputs, clean.test.targets
    found = neural_cleanse(model, *case().trusted, steps=120)
    assert [found.labels[k] for k in found.suspects] == ["3"]
    assert neural_cleanse(case().good, *case().trusted, steps=120).suspects == ()
    mended = unlearned(model, case().trusted[0], lambda part: found.stamped(part, 3))
    assert success(model, clean) >= 0.95
    assert success(mended, clean) <= 0.1
    assert right(mended, x, y) >= right(model, x, y) - 0.03
    assert right(model, x, y) >= right(case().good, x, y) - 0.02


def test_without_sleeping_units_a_backdoor_is_weaker():
    model, data = case().bad, case().clean
    x, y = data.test.inputs, data.test.targets
    mended, cut = fine_pruned(model, *case().trusted)
    assert success(model, data) >= 0.95
    assert success(mended, data) <= 0.5
    assert right(mended, x, y) >= right(model, x, y) - 0.03
    layer = last_layer(mended, x)
    assert isinstance(layer, nn.Conv2d)
    assert int((layer.weight.flatten(1) == 0).all(1).sum()) == cut > 0
    assert not (model.model[0].weight.flatten(1) == 0).all(1).any()
    assert not [hook for part in model.modules() for hook in part._forward_hooks]
    with pytest.raises(UsageError, match="has neither: --repair-by unlearning"):
        fine_pruned(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), x[:9], y[:9])


def test_training_examples_that_are_answered_as_before_teach_again():
    """Fewer answers are lost, and the patch that is among these examples comes back to few."""
    model, data, taught = case().bad, case().clean, case().data.train
    x, y = data.test.inputs, data.test.targets
    known = case().trusted
    alone, _ = fine_pruned(model, *known, epochs=20)
    mended, cut = fine_pruned(model, *known, (taught.inputs, taught.targets), epochs=20)
    assert right(mended, x, y) >= max(right(alone, x, y), right(model, x, y) - 0.01)
    assert success(mended, data) <= success(alone, data) + 0.05
    layer = last_layer(mended, x)
    assert isinstance(layer, nn.Conv2d)
    assert int((layer.weight.flatten(1) == 0).all(1).sum()) == cut > 0
    # Of examples that the two answer differently none is learned from.
    turned = model(x).argmax(1) != alone(x).argmax(1)
    again, _ = fine_pruned(model, *known, (x[turned], y[turned]), epochs=20)
    assert all(
        torch.equal(one, other)
        for one, other in zip(again.parameters(), alone.parameters(), strict=True)
    )


def yes_or_no(x):
    """A network with a single logit, yes of some, and one with the two that it stands for."""
    torch.manual_seed(0)
    one = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))
    one[2].bias.data -= one(x).mean().detach()
    two = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    two[0].load_state_dict(one[0].state_dict())
    with torch.no_grad():
        for mine, own in zip(two[2].parameters(), one[2].parameters(), strict=True):
            mine.copy_(torch.cat([torch.zeros_like(own), own]))
    return one, two


def test_a_single_logit_is_mended_as_the_two_that_it_stands_for():
    """As a class of its own it would be right or wrong whatever is cut, and nothing be learned."""
    x = torch.rand(24, 4, generator=torch.Generator().manual_seed(3))
    one, two = yes_or_no(x)
    y = (one(x)[:, 0] > 0).long()
    assert 0 < int(y.sum()) < 24
    found = [fine_pruned(model, x, y, epochs=0) for model in (one, two)]
    assert found[0][1] == found[1][1] < 5
    mended = unlearned(one, x, lambda part: 1 - part, epochs=30, lr=1e-2)
    before, after = ((model(1 - x) - one(x)).abs().mean().item() for model in (one, mended))
    assert after < 0.7 * before


def test_tuning_learns_from_mixtures_of_pictures_and_from_no_mixtures_of_tokens():
    seen: list[torch.Tensor] = []

    class Asked(nn.Module):
        def __init__(self, first):
            super().__init__()
            self.first, self.last = (
                first,
                nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3)),
            )

        def forward(self, x):
            seen.append(x)
            return self.last(self.first(x))

    y = torch.arange(12) % 3
    corners = torch.eye(4)[torch.arange(12) % 4]
    fine_pruned(Asked(nn.Linear(4, 6)), corners, y, epochs=3)
    told = torch.cat(seen)
    torch.testing.assert_close(told.sum(1), torch.ones(len(told)))
    whole = (told == 1).any(1)
    assert 0 < int((~whole).sum()) < len(told)
    assert (told >= 0).all()
    seen.clear()
    tokens = corners.long()
    fine_pruned(Asked(nn.EmbeddingBag(2, 6)), tokens, y, epochs=1)
    assert all(row in tokens.tolist() for row in torch.cat(seen).tolist())


def test_what_cannot_be_judged_is_refused():
    clean = case().clean.train.select(range(40))
    x, y = clean.inputs, clean.targets
    judge = build("mahalanobis", kind="detector")
    with pytest.raises(
        UsageError, match=r"trusted examples of class \d; mahalanobis needs at least 2"
    ):
        judge(case().good, x, y, (x[:1], y[:1]))
    with pytest.raises(UsageError, match="expected the same"):
        judge(case().good, x, y, (x[..., :4], y))
    single = Signature((Port("x", "vector", (3,)),), (Port("y", "label", (3,), task="classify"),))
    free = cg.sign(nn.Linear(3, 3), single)
    with pytest.raises(UsageError, match="real numbers with bounds"):
        build("strip", kind="detector")(free, x[:, 0, 0, :3], y % 3, (x[:, 0, 0, :3], y % 3))
