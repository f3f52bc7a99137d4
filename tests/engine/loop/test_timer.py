import json
import time

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.logging.run_folder import read_lines
from cartograd.engine.loop.fit import fit
from cartograd.engine.loop.timer import PHASES, STEP, Timer, peak_memory
from tests.engine.toys import Toy, mlp, quadrants

CPU = torch.device("cpu")


class Hands:
    """A clock that only a reading (by a tenth of a millisecond) and a slow batch set forward."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1e-4
        return self.now


@pytest.fixture(autouse=True)
def hands(monkeypatch):
    hands = Hands()
    monkeypatch.setattr(time, "perf_counter", hands)
    return hands


class Slow(Toy):
    """Each batch takes ten seconds."""

    def epoch(self, number, /, *, seed, start=0):
        for batch in super().epoch(number, seed=seed, start=start):
            time.perf_counter.now += 10
            yield batch


def trained(folder, data=Toy, valid=Toy, **options):
    x, y = quadrants(160)
    options = {"epochs": 2} | options
    objective = build("classify", model=mlp(2, 8, 2))
    return fit(
        objective, data(x, y), validate=valid(x, y, shuffle=False), folder=folder, device="cpu",
        **options,
    )  # fmt: skip


def epochs(folder):
    return [e for e in read_lines(folder / "events.jsonl") if e["event"] == "epoch"]


def test_each_epoch_says_where_its_time_went(tmp_path):
    trained(tmp_path / "run", data=Slow)
    for event in epochs(tmp_path / "run"):
        assert event["examples"] == 160
        assert tuple(event["phases"]) == PHASES
        assert event["phases"]["data"] == pytest.approx(50, abs=0.1)
        assert all(0 < event["phases"][phase] < 0.1 for phase in (*STEP, "validation"))
        # Everything is accounted for: what the clock has is what the epoch took.
        spent = sum(event["phases"].values()) - event["phases"]["saving"]
        assert spent == pytest.approx(event["seconds"], abs=0.02)
        assert 1e7 < event["peak_memory"] < 1e12


def test_a_slow_validation_is_told(tmp_path):
    trained(tmp_path / "run", valid=Slow)
    for event in epochs(tmp_path / "run"):
        assert event["phases"]["validation"] == pytest.approx(50, abs=0.1)
        assert event["phases"]["data"] < 0.1


def test_accumulated_batches_are_all_counted(tmp_path):
    trained(tmp_path / "run", accumulate=2)
    for event in epochs(tmp_path / "run"):
        assert event["examples"] == 160
        assert event["phases"]["backward"] > 0


def test_a_lap_reads_the_clock_once_and_waits_for_nothing(monkeypatch, hands):
    """What a step costs in all is measured by `python -m benchmarks step_overhead`."""
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: pytest.fail("waited"))
    timer = Timer(CPU)
    before = hands.now
    for _ in range(100):
        timer.lap("forward")
    assert hands.now - before == pytest.approx(100 * 1e-4)
    assert timer.seconds["forward"] == pytest.approx(100 * 1e-4)


def test_queued_work_is_split_by_the_steps_that_were_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: waited.append(1))
    timer = Timer(torch.device("cuda"))
    timer.seconds |= {"forward": 1.0, "backward": 2.0, "optimizer": 1.0}
    timer.unsplit = 8.0
    phases = timer.spent()["phases"]
    assert [phases[phase] for phase in STEP] == [3.0, 6.0, 3.0]
    for _ in range(100):
        timer.step([(torch.ones(4, 1),)])
        timer.lap("forward")
    assert len(waited) == 2
    assert timer.examples == 400


def test_memory_is_at_least_what_a_tensor_takes():
    block = torch.ones(2**24)
    assert peak_memory() > block.nbytes


def test_a_few_steps_are_traced(tmp_path):
    trained(tmp_path / "run", profile=2)
    trace = json.loads((tmp_path / "run" / "trace.json").read_text())
    names = [event.get("name", "") for event in trace["traceEvents"]]
    assert any("addmm" in name for name in names)
    steps = sum(name.startswith("Optimizer.step") for name in names)
    assert steps == 2


def test_a_run_shorter_than_its_trace_still_writes_it(tmp_path):
    trained(tmp_path / "run", epochs=1, profile=500)
    assert json.loads((tmp_path / "run" / "trace.json").read_text())["traceEvents"]


@pytest.mark.untyped
@pytest.mark.parametrize(
    ("options", "message"), [({"profile": 0}, "at least 1"), ({"profile": 1.5}, "a whole number")]
)
def test_a_wrong_number_of_steps_is_refused(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        trained(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_trace_needs_a_folder():
    with pytest.raises(UsageError, match="give folder="):
        trained(None, profile=2)
