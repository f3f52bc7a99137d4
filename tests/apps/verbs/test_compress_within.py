import json
import subprocess
import sys
from itertools import pairwise

import pytest
import torch

import cartograd as cg
from cartograd.apps.results.slimmed import Stage
from cartograd.apps.results.within import Within
from cartograd.apps.verbs.compress_within import compress_within
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import load

pytestmark = pytest.mark.compile


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A LeNet-5 of an epoch: 247 kB."""
    folder = tmp_path_factory.mktemp("within") / "run"
    cg.train("lenet5", "digits", epochs=1, seed=0, folder=folder, yardstick="none")
    return folder


@pytest.fixture(scope="module")
def done(run):
    """The best form of it within 50 kB."""
    return compress_within(run, "size=50kB", folder=run.parent / "small", epochs=1)


def test_the_best_within_is_chosen_and_larger_cuts_are_not_tried(run, done):
    steps = [stage.step for stage in done.stages]
    assert steps[:4] == [
        "original", "half-weights", "int8-weights", "quantize-static"
    ]  # fmt: skip
    assert steps[4:7] == [
        "prune-channels:amount=0.25",
        "prune-channels:amount=0.25 distill:epochs=1",
        "prune-channels:amount=0.25 distill:epochs=1 quantize-static",
    ]
    assert not any("0.5" in step for step in steps)
    chosen = done.chosen
    assert chosen.size <= 50_000 < done.stages[0].size
    assert chosen.value == max(one.value for one in done.stages if one.size <= 50_000)
    assert done.stages[0].value == pytest.approx(cg.evaluate(run, "digits").metrics["accuracy"])
    assert all(a.size < b.size and a.value < b.value for a, b in pairwise(done.front))
    x = torch.rand(3, 1, 8, 8)
    assert torch.equal(load(done.path).model(x), load(chosen.path).model(x))


def test_it_goes_on_where_it_stopped_and_the_command_says_the_same(run, done):
    kept = (done.path / "report.json").read_text()
    (done.path / "report.json").unlink()
    call = ["compress", str(run), "--budget", "size=50kB", "--out", str(done.path), "--resume"]
    with pytest.raises(UsageError, match="another budget"):  # the command learns for two epochs
        compress_within(run, "size=50kB", folder=done.path, resume=True)
    again = compress_within(run, "size=50kB", folder=done.path, resume=True, epochs=1)
    assert again.chosen.step == done.chosen.step
    assert json.loads(kept)["front"] == [stage.step for stage in again.front]
    said = subprocess.run(
        [sys.executable, "-m", "cartograd", *call], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout) == (2, "")
    assert "was begun with another budget" in said.stderr


def test_what_was_tried_outlives_a_wrong_source_at_resume(run, done):
    kept = sorted(done.path.rglob("*"))
    with pytest.raises(UsageError, match="unknown data 'digitz'"):
        compress_within(run, "size=50kB", "digitz", folder=done.path, resume=True, epochs=1)
    assert sorted(done.path.rglob("*")) == kept


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("", "there is no budget"),
        ("size=1", "no number with a unit"),
        ("sizes=1MB", "did you mean 'size'"),
        ("latency=0ms", "budget latency=0ms is out of range"),
        ("size=1kB,size=2kB", "budget size is given twice"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(run, budget, said):
    with pytest.raises(UsageError, match=said):
        compress_within(run, budget, folder=run.parent / "none")
    with pytest.raises(UsageError, match="expected"):
        compress_within(run, "size=1MB", "no-such-data", folder=run.parent / "none")
    assert not (run.parent / "none").exists()


def stage(name, value, size, latency=1.0, memory=None):
    return Stage(name, value, (0, 1), 1, 0.0, size, latency, (1, 1, 1), memory, None, None)


def test_of_equals_the_smallest_and_of_errors_the_least():
    stages = (stage("a", 0.9, 10), stage("b", 0.8, 4), stage("c", 0.8, 5), stage("d", 0.5, 2))
    given = {"path": None, "metric": "accuracy", "examples": 1, "part": "test", "stages": stages}
    found = Within(limits={"size": 5}, better="higher", **given)
    assert found.chosen.step == "b"
    assert [one.step for one in found.front] == ["d", "b", "a"]
    assert Within(limits={"size": 5}, better="lower", **given).chosen.step == "d"
    assert Within(limits={"size": 5, "latency": 0.5}, better="higher", **given).chosen is None
    assert Within(limits={"memory": 5}, better="higher", **given).chosen is None, "not known"


def test_the_optimizer_that_all_ways_learn_with_is_said_once(tmp_path):
    own = "optimizer=(adamw:lr=0.003,betas=(0.9, 0.95))"
    ways = [stage(f"prune-channels distill:epochs=2,{own} {last}", 0.5, 9) for last in "xy"]
    found = Within(tmp_path, {"size": 5}, "accuracy", "higher", 1, "test", tuple(ways))
    steps = [row[0] for row in found.rows()]
    assert steps == [f"prune-channels distill:epochs=2 {last}" for last in "xy"]
    assert found.said[0] == ("learned by", f"{own}, as the original was")
    assert own in found.to_json()["stages"][0]["step"]
