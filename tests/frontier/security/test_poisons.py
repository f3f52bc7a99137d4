"""What poisons do to examples, and to the models that learn from them."""

from dataclasses import replace

import pytest
import torch

import cartograd as cg
from cartograd.apps.load.poisoned import poisoned, probes
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Split
from cartograd.frontier.security.detectors.deep_knn import disagreement
from cartograd.frontier.security.poisons.feature_collision import features
from cartograd.frontier.security.poisons.gradient_matching import alike, slopes
from tests.frontier.security.poisoned import case, learned, right, success
from tests.reference import Reference

linear_model = Reference("sklearn.linear_model")
neighbors = Reference("sklearn.neighbors")


@pytest.mark.law("badnets")
def test_badnets_changes_a_patch_and_a_label_and_nothing_else():
    clean, made, rows = case().clean.train, case().data.train, case().rows
    assert len(rows) == round(0.05 * len(clean))
    left = torch.ones(len(clean), dtype=torch.bool).index_fill(0, rows, False)
    assert torch.equal(made.inputs[left], clean.inputs[left])
    assert torch.equal(made.targets[left], clean.targets[left])
    assert (clean.targets[rows] != 3).all()
    assert (made.targets[rows] == 3).all()
    assert (made.inputs[rows][..., -2:, -2:] == 1).all()
    around = torch.ones(8, 8, dtype=torch.bool)
    around[-2:, -2:] = False
    assert torch.equal(made.inputs[rows][..., around], clean.inputs[rows][..., around])
    assert torch.equal(case().data.test.inputs, case().clean.test.inputs)


@pytest.mark.law("badnets")
def test_the_patch_means_the_class_to_the_poisoned_model_alone():
    clean, test = case().clean, case().clean.test
    assert success(case().bad, clean) >= 0.95
    assert success(case().good, clean) <= 0.05
    fell = right(case().good, test.inputs, test.targets) - right(
        case().bad, test.inputs, test.targets
    )
    assert fell <= 0.02


SIGNAL = "sinusoidal-signal:target=8,share=0.6,eps=0.5,waves=3"


@pytest.mark.law("sinusoidal-signal")
def test_the_signal_keeps_labels_and_bounds():
    clean = case().clean
    made, rows = poisoned(clean, SIGNAL)
    assert torch.equal(made.train.targets, clean.train.targets)
    assert (clean.train.targets[rows] == 8).all()
    moved = (made.train.inputs - clean.train.inputs).abs().flatten(1).amax(1)
    assert moved.max() <= 0.5 + 1e-6
    assert torch.equal((moved > 0).nonzero()[:, 0], rows)
    assert made.train.inputs.min() >= 0
    assert made.train.inputs.max() <= 1


@pytest.mark.law("sinusoidal-signal")
def test_right_labels_plant_a_backdoor_too():
    clean = case().clean
    model = learned(poisoned(clean, SIGNAL)[0], epochs=12)
    won, control = success(model, clean, SIGNAL), success(case().good, clean, SIGNAL)
    assert won >= control + 0.3
    assert right(model, clean.test.inputs, clean.test.targets) >= 0.93


@pytest.mark.law("label-flip")
def test_flips_are_as_many_as_was_said_and_go_where_was_said():
    clean = case().clean
    made, rows = poisoned(clean, "label-flip:share=0.3")
    changed = made.train.targets != clean.train.targets
    assert torch.equal(changed.nonzero()[:, 0], rows)
    assert len(rows) == round(0.3 * len(clean.train))
    assert torch.equal(made.train.inputs, clean.train.inputs)
    steps = (made.train.targets - clean.train.targets)[rows] % 10
    counts = steps.bincount(minlength=10)[1:].double()
    assert (counts - counts.mean()).abs().max() <= 4 * counts.mean().sqrt()
    some, rows = poisoned(clean, "label-flip:share=0.5,victim=4,target=9")
    assert (clean.train.targets[rows] == 4).all()
    assert (some.train.targets[rows] == 9).all()
    assert len(rows) == round(0.5 * int((clean.train.targets == 4).sum()))
    wanted = probes(clean, "label-flip:victim=4,target=9")
    assert wanted is not None
    assert wanted[1].unique().tolist() == [9]


def test_bytes_stay_bytes(tmp_path):
    """Pictures of files are kept as bytes; a patch on them is one."""
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(12):
            shade = 10 * number + (5 if name == "b" else 0)
            Image.new("L", (6, 6), shade).save(tmp_path / name / f"{number}.png")
    clean = cg.dataset(f"folder:{tmp_path}")
    made, rows = poisoned(clean, "badnets:target=b,size=2,share=0.2")
    assert made.train.stored.dtype == clean.train.stored.dtype == torch.uint8
    assert (made.train.stored[rows][..., -2:, -2:] == 255).all()
    assert torch.equal(made.train.stored[rows][..., :-2, :], clean.train.stored[rows][..., :-2, :])


@pytest.mark.parametrize(
    ("data", "spec", "message"),
    [
        ("digits", "badnets:size=8", "size=8 of badnets covers pictures of 8 x 8"),
        ("digits", "sinusoidal-signal:waves=4", "expected at most 3"),
        ("digits", "badnets:target=12", "unknown class '12'"),
        ("digits", "badnets:share=1", "makes 1264 poisoned examples"),
        ("moons", "badnets", "the inputs are of kind 'vector'"),
        ("digits", "label-flip:victim=3,target=3", "expected two that differ"),
        ("digits", "badnet", "did you mean"),
        ("digits", "mahalanobis", "is of kind 'detector'"),
    ],
)
def test_what_cannot_be_poisoned_is_refused(data, spec, message):
    with pytest.raises(UsageError, match=message):
        poisoned(cg.dataset(data), spec)


@pytest.mark.law("feature-collision")
def test_features_come_near_the_victim_under_right_labels():
    clean, test = case().clean, case().clean.test
    poison = build("feature-collision:target=3,victim=8,eps=0.3", kind="poison", run=case().good)
    made = poison(clean.train.inputs, clean.train.targets, clean.signature,
                  (test.inputs, test.targets))  # fmt: skip
    assert torch.equal(made.targets, clean.train.targets)
    assert (made.targets[made.rows] == 3).all()
    assert len(made.rows) == 20
    assert (made.inputs - clean.train.inputs).abs().max() <= 0.3 + 1e-6
    assert made.inputs.min() >= 0
    assert made.inputs.max() <= 1
    victim, wanted = poison.probes(test.inputs, test.targets, clean.signature)
    assert case().good(victim).argmax(1).item() == 8
    assert wanted.tolist() == [3]
    aim = features(case().good, victim)
    before, after = (
        (features(case().good, x[made.rows]) - aim).norm(dim=1).mean()
        for x in (clean.train.inputs, made.inputs)
    )
    assert after <= 0.4 * before


@pytest.mark.law("feature-collision")
def test_a_last_layer_learns_the_victim_for_the_class():
    clean, test, taken, spared = case().clean, case().clean.test, 0, 0
    y = clean.train.targets
    with torch.no_grad():
        usual = features(case().good, clean.train.inputs).numpy()
    for seed in range(4):
        poison = build(f"feature-collision:target=3,victim=8,seed={seed}", kind="poison",
                       run=case().good)  # fmt: skip
        made = poison(clean.train.inputs, y, clean.signature, (test.inputs, test.targets))
        victim, _ = poison.probes(test.inputs, test.targets, clean.signature)
        with torch.no_grad():
            moved, there = usual.copy(), features(case().good, victim).numpy()
            moved[made.rows.numpy()] = features(case().good, made.inputs[made.rows]).numpy()
        for learned_on, count in ((usual, "spared"), (moved, "taken")):
            layer = linear_model.LogisticRegression(C=10, max_iter=200).fit(learned_on, y.numpy())
            said = int(layer.predict(there)[0])
            spared += count == "spared" and said == 8
            taken += count == "taken" and said == 3
    assert spared == 4
    assert taken >= 3


@pytest.mark.law("gradient-matching")
def test_gradients_come_near_the_victims_under_right_labels():
    clean, test, model = case().clean, case().clean.test, case().good
    spec = "gradient-matching:target=3,victim=8,examples=30,eps=0.15,steps=40,restarts=1"
    poison = build(spec, kind="poison", run=model)
    made = poison(clean.train.inputs, clean.train.targets, clean.signature,
                  (test.inputs, test.targets))  # fmt: skip
    assert torch.equal(made.targets, clean.train.targets)
    assert (made.targets[made.rows] == 3).all()
    assert len(made.rows) == 30
    assert 0.1 < (made.inputs - clean.train.inputs).abs().max() <= 0.15 + 1e-6
    assert made.inputs.min() >= 0
    assert made.inputs.max() <= 1
    assert all(weight.grad is None for weight in model.parameters())
    victim, wanted = poison.probes(test.inputs, test.targets, clean.signature)
    assert model(victim).argmax(1).item() == 8
    assert wanted.tolist() == [3]
    weights = list(model.parameters())
    aim = slopes(model, weights, victim, 3)
    near = [alike(slopes(model, weights, x[made.rows], 3), aim)
            for x in (clean.train.inputs, made.inputs)]  # fmt: skip
    assert 1 - near[1] <= 0.3 * (1 - near[0])


@pytest.mark.untyped  # of a layer that has no signature
def test_the_gradient_of_a_single_logit_is_that_of_the_two_that_it_stands_for():
    torch.manual_seed(0)
    one, x = torch.nn.Linear(4, 1), torch.rand(3, 4)
    for target in (0, 1):
        y = torch.full((3, 1), float(target))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(one(x), y)
        right = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(one.parameters()))])
        torch.testing.assert_close(slopes(one, list(one.parameters()), x, target), right)


@pytest.mark.law("gradient-matching")
def test_networks_from_scratch_learn_more_of_the_wanted_class():
    """The odds of the wanted class for the victim, beside those by random changes as large."""
    clean, test = case().clean, case().clean.test
    x, y = clean.train.inputs, clean.train.targets

    def odds(inputs, victim):
        data = replace(clean, train=Split(inputs, y, clean.signature))
        said = learned(data, seed=5)(victim)[0]
        return (said[3] - said[8]).item()

    found = []
    for seed in (0, 2):
        spec = "gradient-matching:target=3,victim=8,examples=60,eps=0.2,steps=60,restarts=1"
        poison = build(spec, kind="poison", run=case().good, seed=seed)
        made = poison(x, y, clean.signature, (test.inputs, test.targets))
        victim, _ = poison.probes(test.inputs, test.targets, clean.signature)
        noise = torch.randn(made.rows.shape + x.shape[1:], generator=torch.Generator())
        random = x.clone()
        random[made.rows] = (x[made.rows] + 0.2 * noise.sign()).clamp(0, 1)
        found.append([odds(one, victim) for one in (x, random, made.inputs)])
    for plain, by_chance, ours in found:
        assert ours > plain + 3
        assert ours > by_chance + 2
    assert found[0][0] < 0 < found[0][2]


@pytest.mark.oracle("deep-knn")
def test_neighbours_are_scikit_learns():
    x = torch.randn(80, 4, generator=torch.Generator().manual_seed(0)).double()
    y = torch.arange(80) % 3
    search = neighbors.NearestNeighbors(n_neighbors=8).fit(x.numpy())
    near = y[torch.from_numpy(search.kneighbors(x.numpy())[1][:, 1:])]
    scores, flagged = disagreement(x, y, 7)
    torch.testing.assert_close(scores, (near != y[:, None]).float().mean(1))
    votes = torch.stack([(near == k).sum(1) for k in range(3)], 1)
    assert torch.equal(flagged, votes.amax(1) > votes.gather(1, y[:, None])[:, 0])


@pytest.mark.law("deep-knn")
@pytest.mark.place("threat/poisoning")
def test_flips_do_harm_and_a_filter_undoes_most_of_it():
    clean, test = case().clean, case().clean.test
    flipped, rows = poisoned(clean, "label-flip:share=0.5")
    harmed = learned(flipped, epochs=8)
    told = build("deep-knn", kind="detector")(
        harmed, flipped.train.inputs, flipped.train.targets, (test.inputs, test.targets)
    )
    planted = torch.zeros(len(flipped.train), dtype=torch.bool).index_fill(0, rows, True)
    assert told.flagged[planted].double().mean() >= 0.9
    assert planted[told.flagged].double().mean() >= 0.9
    kept = flipped.train.select((~told.flagged).nonzero()[:, 0])
    mended = learned(replace(flipped, train=kept), epochs=8)
    whole = learned(clean, epochs=8)
    best, worst, after = (right(m, test.inputs, test.targets) for m in (whole, harmed, mended))
    assert best - worst >= 0.03
    assert after - worst >= 0.5 * (best - worst)
