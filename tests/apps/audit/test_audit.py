"""The audit card of a small model of digits: whole, with faults put in, stopped and compared."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.audit import audit as verb
from cartograd.apps.audit.against import _pair, read_card
from cartograd.apps.audit.duties import DUTIES
from cartograd.apps.audit.figure import Figure
from cartograd.apps.audit.measured import affordable
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.sections import SECTIONS
from cartograd.apps.audit.sections.accuracy import Accuracy
from cartograd.apps.audit.sections.calibration import Calibration
from cartograd.apps.audit.sections.privacy import Privacy
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from tests.commands import command

UNHELD = ("flagged.activation_clustering", "flagged.spectral_signatures")
"""Figures without a control: detectors that flag the same share of clean examples in any case."""
SMALL = {"minutes": 1e-3, "examples": 60}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "run"
    return cg.train("mlp:widths=[32]", "digits", epochs=4, folder=folder, progress=False)


@pytest.fixture(scope="module")
def card(digits, tmp_path_factory):
    return cg.audit(digits, "digits", folder=tmp_path_factory.mktemp("card"), **SMALL)


@pytest.fixture
def cli_run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


@pytest.fixture
def two():
    """Points, two classes, and a model that tells them apart by the first number."""
    port = Port("point", "vector", (2,), bounds=(-4.0, 4.0))
    side = Port("side", "label", (2,), labels=("left", "right"))
    x = torch.linspace(-2, 2, 120)[:, None] * torch.tensor([1.0, 0.3])
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.tensor([[-2.0, 0.0], [2.0, 0.0]])
    signature = Signature((port,), (side,))
    return cg.sign(layer, signature), Split(x, (x[:, 0] > 0).long(), signature)


def only(monkeypatch, *sections):
    """A card of some sections alone."""
    monkeypatch.setattr(verb, "SECTIONS", sections)


def test_every_figure_says_what_it_rests_on(card):
    told = card.to_json()
    assert set(told["sections"]) == {one.name for one in SECTIONS} - {"limits"}
    for section in told["sections"].values():
        assert section["cost"]["n"] > 0
        for key, figure in section["figures"].items():
            assert figure["n"] > 0
            assert figure["seed"] == 0
            assert figure["cpu_seconds"] >= 0
            assert figure["rule"]
            assert figure["mark"] in ("pass", "warn", "fail", "")
            assert figure["control"] is not None or key == "epsilon" or key in UNHELD, key
            if figure["low"] is not None and figure["high"] is not None:
                assert figure["low"] <= figure["value"] <= figure["high"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_what_is_proved_is_below_what_stands_and_that_below_the_clean(card):
    for share in (1, 2, 5, 10):
        proved = card[f"certified.proved_{share}pct"]
        assert proved.value <= proved.control <= 1
    assert card["certified.contradictions"].value == 0
    stands = [card[f"security.eps_{share}pct"].value for share in (1, 2, 5, 10)]
    assert stands == sorted(stands, reverse=True)


def test_figures_have_the_names_that_rules_may_use(card, digits):
    subject = verb.subject_of(digits, "digits", part=None, most=60, slices="", seed=0, device="cpu")
    assert set(card.figures) <= verb._names(subject)


def test_the_accuracy_is_that_of_evaluate(card, digits):
    subject = verb.subject_of(digits, "digits", part=None, most=60, slices="", seed=0, device="cpu")
    assert (
        card["accuracy.overall"].value
        == cg.evaluate(digits, subject.examples, metrics=("accuracy",)).metrics["accuracy"]
    )


def test_shuffled_labels_fail(two, monkeypatch):
    model, split = two
    only(monkeypatch, Accuracy())
    good = cg.audit(model, split)
    assert (good.mark, good["accuracy.overall"].value) == ("pass", 1.0)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(1))
    dealt = Split(split.inputs, split.targets[order], split.signature)
    bad = cg.audit(model, dealt)
    assert bad.mark == "fail"
    assert bad.verdict.startswith("Fails: see accuracy.")


def test_a_wrong_class_fails(digits, monkeypatch):
    only(monkeypatch, Accuracy())
    test = cg.dataset("digits").test
    wrong = torch.where(test.targets == 3, 5, torch.where(test.targets == 5, 3, test.targets))
    found = cg.audit(digits, Split(test.inputs, wrong, test.signature))
    assert found["accuracy.overall"].mark == "pass"
    assert {name for name, one in found.figures.items() if one.mark == "fail"} == {
        "accuracy.class.3", "accuracy.class.5", "accuracy.worst_class",
    }  # fmt: skip
    assert found.mark == "fail"


def test_the_page_is_whole_and_needs_nothing_beside(card, tmp_path):
    page, file = card.write(tmp_path / "out")
    text = page.read_text(encoding="utf-8")
    for word in ('src="http', 'href="http', "<script", "@import", "url("):
        assert word not in text
    for done in card.sections:
        assert f'id="{done.name}"' in text
        assert all(f"{done.name}.{one.name}" in text for one in done.found.figures)
    assert card.verdict.partition(".")[0] in text
    assert text.index("At a glance") < text.index("Not tested") < text.index("no legal advice")
    assert json.loads(file.read_text())["sections"].keys() == {one.name for one in card.sections}


class Counting:
    """A section that counts how often it was measured, and may be stopped."""

    title, asks, weight, pilot = "Counting", "How often?", 0.0, 1

    def __init__(self, name, *, stops=False):
        self.name, self.stops, self.times = name, stops, 0

    def why_not(self, _):
        return ""

    def names(self, _):
        return ("times",)

    def measure(self, subject):
        if self.stops:
            raise KeyboardInterrupt
        self.times += 1
        return Found((Figure("times", float(self.times), n=len(subject)),))


def test_a_card_that_was_stopped_goes_on(two, monkeypatch, tmp_path):
    model, split = two
    first, second = Counting("first"), Counting("second", stops=True)
    only(monkeypatch, first, second)
    with pytest.raises(KeyboardInterrupt):
        cg.audit(model, split, folder=tmp_path)
    assert [one.name for one in (tmp_path / "sections").iterdir()] == ["first.json"]
    second.stops, heard = False, []
    found = cg.audit(model, split, folder=tmp_path, said=heard.append)
    assert (first.times, second.times) == (1, 1)
    assert heard[0] == "Counting: done before"
    assert set(found.figures) == {"first.times", "second.times"}
    with torch.no_grad():
        model.model.weight += 1
    cg.audit(model, split, folder=tmp_path)
    assert (first.times, second.times) == (2, 2), "another model is measured anew"
    cg.audit(model, split, folder=tmp_path, seed=1)
    assert first.times == 3, "so is another seed"


def test_what_does_not_fit_says_why_and_the_model_is_as_before(two):
    model, split = two
    model.train()
    before = torch.random.get_rng_state()
    found = cg.audit(model, split, minutes=1e-3, examples=20)
    assert set(found.untested) == {"privacy", "backdoor", "fairness", "limits"}
    assert "--slices COLUMN" in found.untested["fairness"][1]
    assert "not known here" in found.untested["privacy"][1]
    assert "4 sections were not tested" in found.verdict
    assert torch.equal(torch.random.get_rng_state(), before)
    assert model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not model._forward_pre_hooks
    values = Signature((split.signature.input,), (Port("y", "value", (1,)),))
    regression = cg.sign(nn.Linear(2, 1), values)
    told = cg.audit(regression, Split(split.inputs, split.inputs[:, :1], values), minutes=1e-3)
    assert {"calibration", "security", "certified", "backdoor", "fairness"} <= set(told.untested)
    assert {"accuracy.rmse", "accuracy.r2", "explanations.complexity"} <= set(told.figures)
    assert all(reason for _, reason in told.untested.values())


def test_a_card_beside_another(two, monkeypatch, tmp_path):
    model, split = two
    only(monkeypatch, Accuracy(), Calibration())
    worse = cg.sign(nn.Linear(2, 2, bias=False), split.signature)
    worse.model.weight.data = torch.tensor([[2.0, 0.0], [-2.0, 0.0]])
    beside = cg.audit(model, split, against=worse, folder=tmp_path / "both").comparison
    assert read_card(tmp_path / "both/against/audit.json")["verdict"] == "fail"
    words = {one.name: one.word for one in beside.pairs}
    assert words["accuracy.overall"] == words["calibration.brier"] == "better"
    assert beside.said.startswith(f"Against Linear: {list(words.values()).count('better')} figures")
    cg.audit(worse, split).write(tmp_path)
    kept = cg.audit(model, split, against=tmp_path / "audit.json")
    assert {one.name: one.word for one in kept.comparison.pairs} == words
    assert 'id="against"' in kept.draw(tmp_path / "both.html").read_text()
    same = cg.audit(model, split, against=model).comparison
    assert {one.word for one in same.pairs} <= {"no difference", ""}
    assert same.notes == ("both are of the same weights",)
    signs = [Figure("signs", float(count), mark=mark) for count, mark in ((0, "pass"), (1, "fail"))]
    assert [_pair("signs", *two).word for two in (signs, signs[::-1])] == ["better", "worse"]
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(UsageError, match="is no audit card"):
        cg.audit(model, split, against=tmp_path / "other.json")


RULES = {
    "[accuracy]\noverall = '>= 0.5'": 0,
    "[accuracy]\noverall = '>= 0.5'\n'class.3' = 'low >= 0.999'": 1,
    "'privacy.epsilon' = '<= 1'": 1,  # what was not tested keeps no rule
}


@pytest.mark.parametrize(("text", "code"), RULES.items())
def test_rules_gate(text, code, digits, cli_run, monkeypatch, tmp_path):
    only(monkeypatch, Accuracy(), Privacy())
    (tmp_path / "rules.toml").write_text(text)
    line = ("audit", digits.folder, "--part", "train", "--examples", "200", "--out", "out")
    done = cli_run(*line, "--fail-under", "rules.toml")
    assert done.code == code, done.err
    assert ("FAILED" in done.err) == bool(code)
    told = json.loads((tmp_path / "out/audit.json").read_text())
    assert told["passed"] == (not code)
    assert "out/audit.html" in done.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[accuracy]\noveral = '>= 0.9'", "did you mean 'accuracy.overall'?"),
        ("[accuracy]\noverall = 0.9", "accuracy.overall = 0.9 is no rule; expected such as"),
        ("[accuracy]\noverall = '>= much'", "is no rule"),
        ("", "there are no rules"),
        ("[accuracy", "is no TOML"),
    ],
)
def test_rules_that_are_none_are_refused(text, said, digits, cli_run, tmp_path):
    (tmp_path / "rules.toml").write_text(text)
    done = cli_run("audit", digits.folder, "--fail-under", "rules.toml", "--out", "out")
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--minutes", "0"), "minutes=0.0 is no time"),
        (("--examples", "0"), "examples=0 is out of range"),
        (("--slices", "age"), "slices=age is a column of a table"),
        (("--fail-under", "."), ". is a folder; expected a TOML file"),
        (("--fail-under", "rules.toml"), "there is no file or folder rules.toml"),
        (("--against", "nowhere.json"), "nowhere.json is no audit card"),
    ],
)
def test_bad_input_is_one_line(words, said, digits, cli_run):
    done = cli_run("audit", digits.folder, *words)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_the_command_prints_what_it_wrote(digits, cli_run, monkeypatch):
    only(monkeypatch, Accuracy())
    told = cli_run("audit", digits.folder, "--json").json
    assert told["page"] == str(digits.folder / "audit/audit.html")
    assert told["sections"]["accuracy"]["figures"]["overall"]["n"] == 359
    assert not math.isnan(told["sections"]["accuracy"]["cost"]["cpu_seconds"])


def test_a_slow_model_answers_what_there_is_time_for(two, monkeypatch):
    model, split = two
    subject = verb.subject_of(model, split, part=None, most=100, slices="", seed=0, device="cpu")
    assert subject.notes == ("100 of 120 examples are looked at",)
    assert affordable(subject, 5.0) is subject
    times = iter((0.0, 8.0))  # a second for each example
    clock = SimpleNamespace(monotonic=lambda: next(times))
    monkeypatch.setattr("cartograd.apps.audit.measured.time", clock)
    few = affordable(subject, 15.0)
    assert len(few) == 90
    assert few.notes[-1].startswith("90 of 100 examples are looked at")


@pytest.mark.place("xai/trade-off")
def test_every_duty_is_answered_by_a_section_or_by_none():
    there = {one.name for one in SECTIONS} | {"provenance", "not tested"}
    assert {name for duty in DUTIES for name in duty.sections} <= there
    laws = " ".join(duty.law for duty in DUTIES)
    for article in ("Art. 11", "Annex IV", "Art. 13", "Art. 15", "14(2)(g)", "Art. 22"):
        assert article in laws
