"""Defences against an attack, as a user asks for them; what stays when the attack knows of them."""

import json

import pytest
import scipy.ndimage
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.frontier.security.detectors.feature_squeezing import feature_squeezing, median
from tests.commands import command
from tests.frontier.security.poisoned import case

STRONG = "pgd:eps=0.15"


@pytest.mark.law("bit-depth")
@pytest.mark.place("defense/purification")
def test_purifiers_gain_and_an_attack_through_them_takes_back(tmp_path):
    methods = ("bit-depth:levels=4", "jpeg", "total-variation")
    told = cg.defend(case().good, case().clean, methods, method=STRONG)
    bare, rough, jpeg, smooth = told.purifications
    assert bare.unaware.value == bare.adaptive.value <= 0.35
    for one in (rough, jpeg, smooth):
        assert one.clean.value >= bare.clean.value - 0.05
        assert one.unaware.value >= bare.unaware.value + 0.2, one.method
        assert one.adaptive.value <= one.unaware.value - 0.1, one.method
    for one in (jpeg, smooth):  # of these most is gone
        gain = one.unaware.value - bare.unaware.value
        assert one.unaware.value - one.adaptive.value >= 0.5 * gain
    assert told.draw(tmp_path / "defend.png") == tmp_path / "defend.png"
    assert len(json.loads(json.dumps(told.to_json()))["purifiers"]) == 4
    assert not any(part.grad is not None and part.grad.any() for part in case().good.parameters())


@pytest.mark.law("feature-squeezing")
@pytest.mark.place("defense/detection")
def test_attacked_inputs_are_detected():
    told = cg.defend(case().good, case().clean, ["feature-squeezing", "mahalanobis"],
                     method="pgd:eps=0.1")  # fmt: skip
    squeezed, far = told.detections
    assert squeezed.auc >= 0.65
    assert far.auc >= 0.8
    for one in told.detections:
        assert abs(one.control - 0.5) <= 0.12
    assert not told.purifications
    few = case().clean.test.select(range(40))
    x, y = few.inputs.round(), few.targets
    assert not feature_squeezing(case().good, x, y, (x, y), size=1).scores.any()
    scores = feature_squeezing(case().good, x, y, (x, y)).scores
    assert 0 <= scores.min() < scores.max() <= 2


@pytest.mark.oracle("feature-squeezing")
def test_medians_are_scipys():
    x = torch.rand(2, 1, 7, 9, generator=torch.Generator().manual_seed(0))
    theirs = scipy.ndimage.median_filter(x.numpy(), (1, 1, 3, 3), mode="mirror")
    assert torch.equal(median(x, 3), torch.from_numpy(theirs))


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


def test_a_command_defends_a_run(run):
    made = (("mlp:widths=[16]", "m", 3), ("autoencoder:widths=[32],latent=12", "a", 2))
    for model, folder, epochs in made:
        done = run("train", model, "--data", "digits", "--epochs", epochs, "--folder", folder)
        assert done.code == 0, done.err
    done = run("defend", "m", "--method", "magnet:run=a", "--method", "feature-squeezing",
               "--attack", "pgd:eps=0.2", "--examples", 60)  # fmt: skip
    assert done.code == 0, done.err
    assert "attack through it" in done.out
    assert "magnet:run=a" in done.out
    assert "found at 5 % false alarms" in done.out
    for words, why in (
        (("--method", "pgd"), "is of kind 'attack', expected 'purifier'"),
        (("--method", "magnet:run=m"), "needs the run of a generative model"),
        (("--method", "diffpure:run=a"), "needs the run of a diffusion model"),
        (("--method", "diffpure"), "diffpure:run=RUN"),
        (("--attack", "jpeg"), "is of kind 'purifier', expected 'attack'"),
        (("--method", "mahalanobis", "--attack", "pgd:eps=0"), "judged by at least 10 turned ones"),
        (("--draws", 0), "draws=0 is out of range"),
        (("--out", "x.txt"), ".png"),
    ):
        bad = run("defend", "m", *words)
        assert bad.code == 2, words
        assert why in bad.err


def test_by_default_methods_that_fit_the_inputs(run):
    words = ("--data", "breast-cancer", "--epochs", 1, "--folder", "table")
    assert run("train", "mlp:widths=[16]", *words).code == 0
    done = run("defend", "table", "--attack", "pgd:eps=1", "--examples", 60)
    assert done.code == 0, done.err
    assert "left out: bit-depth, feature-squeezing, as they round numbers" in done.err
    assert "mahalanobis" in done.out
    bad = run("defend", "table", "--method", "feature-squeezing", "--attack", "pgd:eps=0")
    assert bad.code == 2
    assert "mahalanobis needs no bounds" in bad.err  # before the attack, which turns none


def test_no_method_is_refused():
    with pytest.raises(UsageError, match="there is no method"):
        cg.defend(case().good, case().clean, [])
