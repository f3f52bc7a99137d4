"""Scans of poisoned data and of a model with a backdoor, as a user asks for them."""

import dataclasses
import json
import re

import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from tests.commands import command
from tests.frontier.security.poisoned import SPEC, case

QUICK = "neural-cleanse:steps=120"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


def test_a_backdoor_is_scanned_for_and_mended(tmp_path):
    told = cg.scan(
        case().bad, "digits", ["mahalanobis", "spectral-signatures", QUICK], poison=SPEC,
        trusted=200, repair=tmp_path / "mended",
    )  # fmt: skip
    assert told.verdict == "suspicious"
    assert told.suspects == ("3",)
    assert told.success is not None
    assert told.success.value >= 0.95
    assert told.planted == len(case().rows)
    first, second = told.findings
    assert first.truth is not None
    assert first.truth.auc >= 0.98
    assert second.suspects is None
    assert list(first.by_class) == ["3"]
    assert first.by_class["3"].recall == first.truth.recall
    assert told.repair is not None
    assert told.repair.success is not None
    before, after = told.repair.success
    assert before.value >= 0.95
    assert after.value <= 0.1
    assert (tmp_path / "mended" / "weights.safetensors").exists()
    names = {case().data.train.name(i) for i in case().rows.tolist()}
    assert told.flagged("mahalanobis")[0][0] in names
    assert json.loads(json.dumps(told.to_json()))["suspicious"] == ["3"]
    assert told.draw(tmp_path / "scan.png") == tmp_path / "scan.png"
    unharmed = cg.scan(case().good, "digits", ["mahalanobis", QUICK])
    assert unharmed.verdict == "no sign found"
    assert unharmed.success is None
    assert cg.scan(case().good, "digits", ["spectral-signatures"]).verdict == "not judged"


def test_a_run_remembers_its_poison(run):
    done = run("train", "mlp:widths=[16]", "--data", "digits", "--epochs", 2, "--folder", "r",
               "--set", f"poison={SPEC}")  # fmt: skip
    assert done.code == 0, done.err
    assert "63 of 1264 training examples (badnets:target=3,size=2)" in done.err
    done = run("scan", "r", "--method", "mahalanobis", "--method", "strip:draws=3",
               "--repair", "mended", "--repair-by", "fine-pruning")  # fmt: skip
    assert done.code == 0, done.err
    assert re.search(r"cut +\d+ units", done.out)
    assert "attacker's trigger turns" in done.out
    assert "found trigger turns" not in done.out
    assert "the poison of the training is known: badnets:target=3,size=2" in done.err
    assert "AUC" in done.out
    assert "63 of the examples" in done.out
    again = run("train", "--resume", "r", "--epochs", 3, "--set", "poison=badnets:target=4,size=2")
    assert again.code == 2
    assert "was begun with poison=badnets:target=3,size=2" in again.err
    for words, why in (
        (("--method", "pgd"), "is of kind 'attack', expected 'detector'"),
        (("--method", "mahalanobis", "--repair", "m"), "add the method"),
        (("--repair-by", "fine-pruning"), "has to say where"),
        (("--repair", "m", "--repair-by", "pruning"), "did you mean 'fine-pruning'"),
        (("--trusted", 0), "trusted=0 is out of range"),
        (("--data", "moons"), "does not fit the model"),
        (("--repair", "r"), "r exists already"),
        (("--out", "x.txt"), ".png"),
        (("--poison", "badnet"), "did you mean 'badnets'"),
    ):
        bad = run("scan", "r", *words)
        assert bad.code == 2, words
        assert why in bad.err


def test_what_a_detector_flags_is_left_out_of_a_training(run):
    words = ("train", "mlp:widths=[16]", "--data", "digits", "--epochs", 2)
    done = run(*words, "--folder", "r", "--set", "poison=label-flip:share=0.4")
    assert done.code == 0, done.err
    done = run(*words, "--folder", "kept", "--dry-run", "--set", "poison=label-flip:share=0.4",
               "filter=deep-knn:run=r")  # fmt: skip
    assert done.code == 0, done.err
    told = re.search(
        r"left out: (\d+) of 1264 training examples that deep-knn:run=r flags", done.err
    )
    assert told
    assert 400 <= int(told[1]) <= 620  # 506 are flipped
    collided = "feature-collision:run=r,target=3,victim=0,examples=5,steps=3"
    done = run(*words, "--dry-run", "--set", f"poison={collided}")
    assert "5 of 1264 training examples (feature-collision:run=r" in done.err
    for setting, why in (
        ("filter=deep-knn", "names no run"),
        ("filter=jpeg", "is of kind 'purifier', expected 'detector'"),
        ("poison=badnets:target=3,share=5", "expected at most 1.0 (of all training examples)"),
        ("filter=pgd:run=r", "is of kind 'attack', expected 'detector'"),
        ("filter=deep-knn:run=none", "none"),
        ("poison=feature-collision:target=3", "feature-collision:run=RUN"),
    ):
        bad = run(*words, "--folder", "bad", "--set", setting)
        assert bad.code == 2, setting
        assert why in bad.err


def test_what_is_clean_may_come_from_elsewhere():
    told = cg.scan(case().good, "digits", ["mahalanobis"], clean="digits", trusted=300)
    assert (told.trusted, told.control) == (300, 1000)
    with pytest.raises(UsageError, match="does not say what it was trained on"):
        cg.scan(case().good)
    with pytest.raises(UsageError, match="no method"):
        cg.scan(case().good, "digits", [])


def test_what_does_not_fit_is_left_out_and_said():
    data = cg.dataset("breast-cancer")
    columns = data.signature.input.size
    model = cg.sign(
        torch.nn.Sequential(torch.nn.Linear(columns, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)),
        data.signature,
    )
    told = cg.scan(model, data)
    assert [one.method for one in told.findings] == [
        "mahalanobis", "activation-clustering", "spectral-signatures",
    ]  # fmt: skip
    assert told.triggers is None
    assert told.notes == (
        "left out: strip, neural-cleanse, as they change inputs by little, within bounds",
    )
    assert told.draw("nothing.png") is None


@pytest.mark.parametrize("logits", [1, 2])
def test_a_trigger_that_could_not_stand_out_is_refused_before_the_work(tmp_path, logits):
    data, asked = cg.dataset("moons"), []

    class Watched(torch.nn.Linear):
        def forward(self, input):
            asked.append(len(input))
            return super().forward(input)

    port = dataclasses.replace(data.signature.output, dims=(logits,))
    signature = dataclasses.replace(data.signature, outputs=(port,))
    model = cg.sign(torch.nn.Sequential(Watched(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, logits)),
                    signature)  # fmt: skip
    asked.clear()
    for methods in (None, [QUICK]):
        with pytest.raises(UsageError, match=r"fewer than 5 classes none does .the model has 2"):
            cg.scan(model, data, methods, repair=tmp_path / "mended")
    if logits == 1:
        with pytest.raises(UsageError, match="neural-cleanse needs a logit for each class"):
            cg.scan(model, data, [QUICK])
    assert asked == []
    told = cg.scan(model, data, ["mahalanobis"], repair=tmp_path / "cut", repair_by="fine-pruning")
    assert told.repair is not None
    assert told.repair.clean[1].value >= told.repair.clean[0].value - 0.1


def test_nothing_is_mended_where_nothing_stands_out(tmp_path):
    told = cg.scan(case().good, "digits", [QUICK], repair=tmp_path / "mended")
    assert told.repair is None
    assert "nothing is repaired" in told.notes[-1]
    assert not (tmp_path / "mended").exists()
    assert not any(part.grad is not None and part.grad.any() for part in case().good.parameters())
    assert torch.is_grad_enabled()
