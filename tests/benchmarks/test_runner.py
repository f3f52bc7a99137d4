"""The runner: equality before numbers, whole rounds, and silence when the machine is not quiet."""

import itertools
import json
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command
from benchmarks import probe, report, runner
from benchmarks.case import FOLDER, Case, Command, Timer

STEADY = {"gemm": 100.0, "peak_f32": 100.0, "peak_bf16": 200.0, "cache": 90.0, "memory": 30.0}


def says(numbers):
    return Command(
        ("python", "-c", f"print({numbers})"),
        lambda printed: [float(word) for word in printed.split()],
    )


def case(**sides):
    return Case(name="demo", what="Nothing much.", unit="call", sides=sides, tolerance=1e-6)


@pytest.fixture
def steady(monkeypatch):
    monkeypatch.setattr(runner, "reading", lambda: STEADY)


def compared(one, rounds=2):
    return runner.compare("demo", one, rounds=rounds, say=lambda _: None)


def test_equal_sides_get_numbers(steady):
    result = compared(case(ours=says(1), rival=says(1)))
    assert result.sides() == ["ours", "rival"]
    assert (len(result.rounds), result.thrown) == (2, 0)
    found = result.ratio("rival")
    assert found.low <= found.median <= found.high
    assert result.median("ours", "cpu") > 0
    assert result.median("ours", "rss") > 1  # Linux counts what the parent held at the fork
    assert result.missed() == []


@pytest.mark.parametrize(("native", "word"), [(200.0, "bfloat16"), (3.0, "float32")])
def test_a_share_is_that_of_the_peak_of_what_was_computed_in(native, word):
    one = Case(name="demo", what="", unit="call", sides={"ours": says(1), "rival": says(1)},
               flops=lambda: 1e11, peak="peak_bf16")  # fmt: skip
    side = {"cpu": 2.0, "wall": 2.0, "rss": 1.0}
    readings = [STEADY | {"peak_bf16": native}]
    result = runner.Result(one, rounds=[{"ours": side, "rival": side}], readings=readings)
    assert result.share("ours") == pytest.approx(0.25 if word == "bfloat16" else 0.5)
    assert result.share("rival") == pytest.approx(0.5)
    assert report.table(result).count(f"% of {word} |") == (1 if word == "bfloat16" else 2)


def test_a_side_with_another_answer_gets_no_number(steady):
    result = compared(case(ours=says(1), rival=says(2)))
    assert result.unequal == {"rival": 1.0}
    assert "| rival | not equal: differs by 1.0e+00 | | | | |" in report.table(result)
    assert result.missed() == ["rival: its answer differs by 1.0e+00"]


def test_a_side_that_fails_is_left_out_and_told(steady):
    result = compared(case(ours=says(1), rival=says("1 / 0")))
    assert result.sides() == ["ours"]
    assert "ZeroDivisionError" in result.missed()[0]


def test_our_own_failure_ends_it(steady):
    with pytest.raises(runner.BrokenError, match="ZeroDivisionError"):
        compared(case(ours=says("1 / 0"), rival=says(1)))


def test_a_side_that_hangs_is_ended(steady):
    slow = Command(("python", "-c", "import time; time.sleep(60)"))
    one = Case(name="demo", what="", unit="call", sides={"ours": slow}, seconds=0.3)
    with pytest.raises(runner.BrokenError, match="ended with -9"):
        compared(one)


def test_unquiet_rounds_are_thrown_away(monkeypatch):
    speeds = itertools.chain([100, 60, 100], itertools.repeat(100))
    monkeypatch.setattr(runner, "reading", lambda: STEADY | {"gemm": float(next(speeds))})
    result = compared(case(ours=says(1), rival=says(1)), rounds=3)
    assert (len(result.rounds), result.thrown) == (3, 2)
    assert result.spread()["gemm"] == 0


def test_a_promise_not_kept_is_told(steady):
    one = case(ours=says(1), rival=says(1))
    one.asked["rival"] = 1000.0
    assert compared(one).missed()[0].startswith("rival: ratio ")


class Module:
    """A workload file."""

    CASES = (case(ours=says(1), rival=says(1)),)


def run(monkeypatch, tmp_path, *options):
    monkeypatch.setattr(command, "importlib", SimpleNamespace(import_module=lambda _: Module))
    monkeypatch.setattr("sys.argv", ["benchmarks", "pgd", "--out", str(tmp_path), *options])
    return command.main()


def test_results_are_published_whole(steady, monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, "--rounds", "2") == 0
    page = (tmp_path / "pgd.md").read_text()
    assert "its time / ours" in page
    assert "2 quiet rounds, 0 thrown away" in page
    record = json.loads((tmp_path / "pgd.json").read_text())
    assert len(record["cases"]["demo"]["rounds"]) == 2
    assert record["machine"]["threads"] == 1
    assert "| ours |" in capsys.readouterr().out


def test_nothing_is_published_of_a_noisy_machine(monkeypatch, tmp_path, capsys):
    speeds = itertools.cycle([100.0, 60.0])
    monkeypatch.setattr(runner, "reading", lambda: STEADY | {"gemm": next(speeds)})
    assert run(monkeypatch, tmp_path, "--rounds", "2") == 1
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr()
    assert "nothing is published" in said.err
    assert said.out == ""


def test_functions_are_timed_in_a_process_of_their_own(steady, tmp_path):
    from benchmarks import data_path

    one = data_path.CASES[0]
    found = runner.side("data_path", one, one.ours, 1, tmp_path)
    assert found["cpu"] > 0
    assert len(found["answer"]) == 3 + len(range(0, data_path.EXAMPLES, data_path.BATCH))


def test_clock_counts_units():
    clock = Timer()
    with clock(10):
        sum(range(1000))
    assert clock.count == 10
    assert clock.wall > 0


def test_sides_are_told_where_the_files_are(steady, tmp_path):
    one = Command(("python", "-c", f"import os; print(len(os.environ['{FOLDER}']) > 0)"))
    assert len(compared(case(ours=one)).rounds) == 2


def test_machine_tells_what_matters():
    facts = probe.machine(1)
    assert facts["versions"]["torch"] != "absent"
    assert {"processor", "flags", "threads", "memory_gb", "date"} <= facts.keys()
