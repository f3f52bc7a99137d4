"""Several trainings of one model, and groups of them side by side."""

import math
import re
import shutil
from pathlib import Path

import pytest
import torch

import cartograd as cg
from cartograd.engine.loop.evaluate import collect
from cartograd.practice.metrics.crossed import Arm, mean

FAST = {"epochs": 1, "device": "cpu", "batch_size": 256}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two groups on the same data: three seeds of one model, two of another."""
    root = tmp_path_factory.mktemp("groups")
    small = cg.repeat("mlp:widths=[8]", "digits", seeds=3, folder=root / "a", **FAST)
    large = cg.repeat("mlp:widths=[64]", "digits", seeds=2, folder=root / "b", **FAST)
    return root, small, large


def test_each_seed_is_a_run_of_its_own_as_train_makes_it(made, tmp_path):
    root, found, _ = made
    (group,) = found.groups
    assert group.seeds == (0, 1, 2)
    assert [one.folder for one in group.looks] == [root / f"a-seed{seed}" for seed in range(3)]
    alone = cg.train("mlp:widths=[8]", "digits", seed=2, folder=tmp_path / "alone", **FAST)
    same = cg.load(root / "a-seed2").model.state_dict()
    assert all(torch.equal(x, same[key]) for key, x in alone.model.state_dict().items())


def test_the_mean_is_over_seeds_and_examples(made):
    root, found, _ = made
    test = cg.dataset("digits").test
    rights = []
    for seed in range(3):
        model = cg.load(root / f"a-seed{seed}").model
        outputs, targets = collect(model, test.batches(batch_size=256, shuffle=False))
        rights.append((outputs.argmax(1) == targets).double())
    right = torch.stack(rights)
    arm = Arm(tuple(right.mean(1).tolist()), right - right.mean(1, keepdim=True))
    figure = next(x for x in found.metrics if x.name == "accuracy").arms[0]
    assert figure.values == pytest.approx(arm.values)
    assert (figure.low, figure.high) == pytest.approx(mean(arm).interval())
    assert figure.seen == "seeds and examples"


def test_groups_are_found_by_pattern_folder_and_list(made, tmp_path):
    root, *_ = made
    for seed in range(3):
        shutil.copytree(root / f"a-seed{seed}", tmp_path / "arm" / f"run{seed}")
    wanted = cg.compare_groups(str(root / "a-*"), str(root / "b-*"))
    assert [group.name for group in wanted.groups] == ["a", "b"]
    listed = [root / "b-seed0", root / "b-seed1"]
    other = cg.compare_groups(tmp_path / "arm", listed)
    assert [group.name for group in other.groups] == ["arm", "b-seed0"]
    for one, two in zip(wanted.metrics, other.metrics, strict=True):
        assert one.pairs[0].value == two.pairs[0].value
    assert set(wanted.settings) == {"model"}


def test_more_than_two_arms_are_judged_together(made):
    root, *_ = made
    found = cg.compare_groups(str(root / "a-*"), root / "b-seed0", root / "b-seed1")
    metric = found.metrics[0]
    assert len(metric.pairs) == 3
    two = cg.compare_groups(str(root / "a-*"), root / "b-seed0").metrics[0].pairs[0]
    assert metric.pairs[0].p >= two.p
    assert metric.pairs[0].low <= two.low


def test_a_margin_makes_the_same_of_what_is_surely_near(made):
    root, *_ = made
    arms = root / "b-seed0", root / "b-seed1"
    wide = cg.compare_groups(*arms, margins={"accuracy": 0.5}).metrics[0].pairs[0]
    assert wide.same
    assert "within the margin" in wide.verdict
    narrow = cg.compare_groups(*arms, margins={"accuracy": 1e-6}).metrics[0].pairs[0]
    assert not narrow.same


def test_the_commands_say_the_same(made, cli_run):
    root, found, _ = made
    words = "train", "mlp:widths=[8]", "--data", "digits", "--epochs", "1"
    words += "--set", "device=cpu", "batch_size=256", "--folder", root / "a", "--seeds", "3"
    again = cli_run(*words, "--resume", "--json").json
    assert again["metrics"][0]["arms"][0]["value"] == found.metrics[0].arms[0].value
    text = cli_run(*words, "--resume").out
    assert "seeds and examples together" in text
    done = cli_run("runs", "compare", f"{root}/a-*", f"{root}/b-*", "--margin", "accuracy=40%")
    assert done.code == 0
    assert re.search(r"accuracy +b - a", done.out)
    page = Path(done.out.split("report")[1].strip()).read_text()
    assert page.count("<svg") >= 4
    found = cli_run("runs", "compare", f"{root}/a-*", f"{root}/b-*", "--json").json
    assert [one["name"] for one in found["groups"]] == ["a", "b"]


def test_what_is_missing_is_added(made, tmp_path):
    root, *_ = made
    shutil.copytree(root / "b-seed0", tmp_path / "b-seed0")
    said = []
    found = cg.repeat(
        "mlp:widths=[64]", "digits", seeds=2, folder=tmp_path / "b", resume=True,
        said=said.append, **FAST,
    )  # fmt: skip
    assert len(said) == 1
    assert "seed 1" in said[0]
    assert found.metrics[0].arms[0].values == made[2].metrics[0].arms[0].values


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "mlp", "--data", "digits", "--seeds", "1"), "expected 2 to 100 trainings"),
        (("train", "mlp", "--data", "digits", "--seeds", "3", "--nproc", "2"), "leave --nproc"),
        (("train", "mlp", "--data", "digits", "--seeds", "3", "--resume"), "give the folder"),
        (("train", "mlp", "--data", "digits", "--seeds", "2", "--folder", "{}/a"), "exists"),
        (
            ("train", "mlp", "--data", "digits", "--seeds", "2", "--folder", "{}/a", "--resume"),
            "was trained with model=mlp:widths=[8]",
        ),
        (("runs", "compare", "{}/a-seed0"), "1 runs to compare"),
        (("runs", "compare", "{}/a-*", "{}/c-*"), "c-* holds no run"),
        (("runs", "compare", "{}/a-*", "{}/a-seed1"), "is in two groups"),
        (("runs", "compare", "{}/*", "{}/a-seed1"), "no repetitions of one another: model"),
        (
            ("runs", "compare", "{}/a-*", "{}/b-*", "--margin", "accuracy=5"),
            "=5 has no unit",
        ),
        (("runs", "compare", "{}/a-*", "{}/b-*", "--margin", "accuracy"), "has no value"),
        (("runs", "compare", "{}/a-*", "{}/b-*", "--margin", "nll=0.1%"), "nll has no unit"),
        (("runs", "compare", "{}/a-*", "{}/b-*", "--margin", "rmse=0.1"), "metric with a margin"),
        (("runs", "compare", "{}/a-*", "{}/b-*", "--margin", "nll=-1"), "is out of range"),
    ],
)
def test_mistakes_are_one_line(made, cli_run, words, message):
    done = cli_run(*(word.format(made[0]) for word in words))
    assert done.code == 2
    assert message in done.err.splitlines()[-1]


def test_a_run_counted_twice_is_refused(made, tmp_path):
    root, *_ = made
    shutil.copytree(root / "a-seed0", tmp_path / "twin")
    with pytest.raises(cg.UsageError, match="same seed"):
        cg.compare_groups([root / "a-seed0", tmp_path / "twin"], root / "b-seed0")


def test_one_seed_says_what_it_cannot_tell(made):
    root, *_ = made
    found = cg.compare_groups(root / "a-seed0", root / "b-seed0")
    assert {arm.seen for metric in found.metrics for arm in metric.arms} == {"examples"}
    assert all(math.isfinite(x.pairs[0].low) for x in found.metrics)


def test_probabilities_are_those_that_were_meant_where_a_threshold_decides(tmp_path):
    arms = {}
    for name, more in (("plain", {}), ("chosen", {"threshold": "recall:at=0.99"})):
        arms[name] = tmp_path / name
        cg.train(
            "mlp:widths=[4]", "breast-cancer", folder=arms[name], **{**FAST, "epochs": 4}, **more
        )
    found = {x.name: x.arms for x in cg.compare_groups(*arms.values()).metrics}
    assert found["nll"][0].value == pytest.approx(found["nll"][1].value)
    assert found["precision"][0].value != found["precision"][1].value


def test_where_all_are_right_the_mean_is_no_surer_than_a_run(tmp_path):
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    x[:, 0] += torch.where(torch.arange(200) % 2 > 0, 9.0, -9.0)
    data = cg.tensors(x, torch.arange(200) % 2, labels=("no", "yes"))
    fast = {"epochs": 20, "optimizer": "adamw:lr=0.05"}
    found = cg.repeat("mlp:widths=[4]", data, seeds=2, folder=tmp_path / "a", **fast)
    figure = next(one.arms[0] for one in found.metrics if one.name == "accuracy")
    assert figure.values == (1.0, 1.0)
    assert 0.8 < figure.low < 1.0 == figure.high


def test_a_dry_run_says_of_how_many_trainings_it_is_one(cli_run):
    done = cli_run("train", "mlp", "--data", "moons", "--epochs", "1", "--seeds", "2", "--dry-run")
    assert done.code == 0
    assert "one of 2 trainings, one after the other; the numbers are of each" in done.err
    refused = cli_run("train", "mlp", "--data", "moons", "--seeds", "1", "--dry-run")
    assert refused.code == 2
    assert "seeds=1 is out of range" in refused.err
