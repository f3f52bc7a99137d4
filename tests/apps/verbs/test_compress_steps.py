import json
import shutil

import pytest
import torch

import cartograd as cg
from cartograd.apps.results.slimmed import Stage
from cartograd.apps.verbs.compress_steps import compress_steps
from cartograd.apps.verbs.compression_steps import learning_again, steps_of
from cartograd.apps.verbs.latency_in_turns import latency_in_turns
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import load
from cartograd.practice.deployment.in_turns import of_median

STEPS = ("prune-channels:amount=0.5", "distill:epochs=1,batch_size=64", "quantize:bits=8")

pytestmark = pytest.mark.compile


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A LeNet-5 of an epoch."""
    folder = tmp_path_factory.mktemp("steps") / "run"
    cg.train("lenet5", "digits", epochs=1, seed=0, folder=folder, yardstick="none")
    return folder


@pytest.fixture(scope="module")
def done(run):
    """It in three steps."""
    return compress_steps(run, STEPS, folder=run.parent / "small")


def test_each_step_is_measured_beside_the_original(run, done):
    first, cut, taught, eighth = done.stages
    assert [one.step for one in done.stages] == ["original", *STEPS[:2], "int8-weights:bits=8"]
    assert first.value == pytest.approx(cg.evaluate(run, "digits").metrics["accuracy"])
    assert (first.ratio, first.agreement[0]) == ((1, 1, 1), 1)
    assert first.parameters == 61_706 > 3 * cut.parameters
    assert cut.parameters == taught.parameters
    assert cut.size == 4 * cut.parameters > 3 * eighth.size
    assert taught.value > cut.value
    assert cut.interval[0] < cut.value < cut.interval[1]
    assert taught.agreement[1] < taught.agreement[0] < taught.agreement[2]
    kept = json.loads((done.path / "report.json").read_text())
    assert [one["step"] for one in kept["stages"]] == [one.step for one in done.stages]


def test_what_came_of_it_is_a_bundle_for_every_verb(done):
    x = torch.rand(3, 1, 8, 8)
    small = load(done.path)
    assert torch.equal(small.model(x), load(done.stages[-1].path).model(x))
    assert str(load(done.stages[2].path).about["settings"]["objective"]).startswith("distill:")


def test_the_original_is_the_teacher(run, done):
    assert str(run / "bundle") in (done.path / "steps" / "2-distill" / "config.toml").read_text()


def test_a_cut_transformer_learns_by_its_own_rate(tmp_path):
    own = "adamw:lr=0.002,weight_decay=0.05"
    cg.train(
        "vit:dim=8,heads=2,depth=1,patch_size=4", "digits", epochs=1, seed=0, folder=tmp_path / "r",
        yardstick="none", optimizer=own,
    )  # fmt: skip
    before, said, after = "fine-tune:epochs=1", "fine-tune:optimizer=(sgd:lr=1)", "distill:epochs=2"
    original = load(tmp_path / "r")
    steps = steps_of([before, "prune-heads:amount=0.5", said, after], original.model)
    found = [str(step.spec) for step in learning_again(steps, original)]
    assert found == [*(str(step.spec) for step in steps[:3]), f"distill:epochs=2,optimizer=({own})"]


def test_steps_that_are_done_are_kept(run, done):
    path = done.stages[2].path / "manifest.json"
    before = path.stat().st_mtime_ns
    shutil.rmtree(done.path / "steps" / "3-int8-weights")
    again = compress_steps(run, STEPS, folder=done.path, resume=True)
    assert path.stat().st_mtime_ns == before
    assert [one.value for one in again.stages] == [one.value for one in done.stages]
    with pytest.raises(UsageError, match="begun with other steps"):
        compress_steps(run, STEPS[:1], folder=done.path, resume=True)
    with pytest.raises(UsageError, match="exists already"):  # told before any data are read
        compress_steps(run, STEPS, "csv:nowhere", folder=done.path)
    with pytest.raises(UsageError, match="exists already"):
        compress_steps(run, STEPS, folder=done.path)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (("prune-chanels",), "unknown step 'prune-chanels'; did you mean 'prune-channels'"),
        (("int8-weights", "distill"), "distill cannot come after int8-weights"),
        (("quantize", "prune-channels"), "prune-channels cannot come after int8-weights"),
        (("distill:epocs=1",), "did you mean 'epochs'"),
        (("distill:alpha=2.0",), "alpha"),
        (("quantize:bits=3",), "bits"),
        (("prune-channels:amount=1.0",), "amount"),
        ((), "there is no step"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(run, steps, said):
    with pytest.raises(UsageError, match=said):
        compress_steps(run, steps, folder=run.parent / "none")
    assert not (run.parent / "none").exists()


def stage(low, middle, high):
    return Stage("x", 1.0, (0, 1), 1, 0.0, 1, 1.0, (middle, low, high), None, None, None)


def test_faster_is_said_only_where_all_of_the_interval_is():
    assert "faster here: 2 times (1.11 to 2.5) as fast" in stage(0.4, 0.5, 0.9).speed
    assert "faster here" not in stage(0.4, 0.5, 1.01).speed
    assert "slower here" in stage(1.1, 1.2, 1.3).speed


def test_times_are_of_the_same_rounds():
    assert of_median([float(n) for n in range(1, 101)]) == (50.5, 39.0, 62.0)
    model = cg.sign(torch.nn.Linear(2, 1), cg.dataset("xor").signature)
    first, second = latency_in_turns([model, model], (torch.zeros(1, 2),))
    assert first.ratio == (1, 1, 1)
    assert second.ratio[1] <= second.ratio[0] <= second.ratio[2]
    for one in (first, second):
        assert 0 < one.half[0] <= one.seconds <= one.half[1]
        assert one.surely[0] <= one.seconds <= one.surely[1]
