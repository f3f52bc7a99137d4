"""The roofline's formulas, with clocks that stand still, and counters of energy in a folder."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.engine.device import energy
from cartograd.engine.device.peak import finished, shortest
from cartograd.engine.device.roofline import Level, Roofline, Work, _at_least, roofline

ROOF = Roofline(100.0, (Level(64, 50.0), Level(1024, 5.0)))


@pytest.mark.law("roofline")
def test_the_roof_is_the_lower_of_peak_and_bandwidth():
    assert ROOF.bandwidth(10) == ROOF.bandwidth(64) == 50
    assert ROOF.bandwidth(65) == ROOF.bandwidth(1e9) == 5
    assert ROOF.most(640, 64) == 100  # ten operations a byte: the peak
    assert ROOF.most(64, 64) == 50
    assert ROOF.most(2048, 1024) == 10
    for operations, moved in ((640, 64), (64, 64), (2048, 1024)):
        assert ROOF.seconds(operations, moved) == operations / ROOF.most(operations, moved)
    work = Work("half", 64, 64, 2.56)
    assert (work.intensity, work.reached, ROOF.share(work)) == (1, 25, 0.5)


@pytest.mark.law("roofline")
def test_work_is_counted_by_its_formulas():
    calls = []

    def still(call, seconds):
        calls.append(call())
        return 0.5

    found = roofline(still, 1.0, (1 << 14, 1 << 20))
    alone = roofline(still, 1.0, (1 << 14, 1 << 20, 1 << 30)).levels
    assert [one.bandwidth for one in alone] == [2 * (1 << 30)] * 3  # what is read again is 4 MB
    by = {one.name: one for one in found.works}
    assert by["convolution"].operations == 2 * 9 * 64 * 64 * 4 * 28 * 28
    assert by["attention"].operations == 2 * 2 * 8 * 256 * 256 * 64
    assert by["decode step"].operations == 2 * 2 * 1024 * 4096
    assert by["decode step"].intensity == pytest.approx(0.5, abs=1e-3)
    assert by["convolution"].intensity > by["attention"].intensity > 50
    assert found.peak == max(one.reached for one in found.works)
    assert [one.bandwidth for one in found.levels] == [by["decode step"].moved / 0.5] * 2
    assert len(calls) == 2 * 2 + 3 + 3 * 2 + 3
    assert found.to_json()["works"][0]["share"] == found.share(found.works[0])


def test_no_work_reaches_more_than_is_possible():
    """A bandwidth whose measurement was disturbed is at least what work was seen to reach."""
    levels = (Level(64, 50.0), Level(256, 1.0), Level(1024, 5.0))
    works = (Work("a", 100, 100, 5.0), Work("b", 2000, 2000, 100.0))
    found = _at_least(levels, works)
    assert [one.bandwidth for one in found] == [50.0, 20.0, 20.0]
    roof = Roofline(1e9, found, works)
    assert [roof.share(one) for one in works] == [1.0, 1.0]


def test_a_device_that_is_not_there_is_refused_and_one_that_is_waited_for(monkeypatch):
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="device 'cuda' is not present here"):
            roofline(device="cuda")
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    gpu, call = torch.device("cuda"), lambda: waited.append("work")
    finished(call, gpu)()
    assert waited == ["work", gpu]
    assert finished(call, torch.device("cpu")) is call


def test_the_shortest_of_several_counts():
    calls = []
    assert 0 <= shortest(lambda: calls.append(1), 0.0) < 1
    assert len(calls) == 3


def test_energy_is_what_counters_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "COUNTERS", tmp_path)
    calls = []
    spent, why = energy.joules(lambda: calls.append(1))
    assert (spent, calls) == (None, [])
    assert "shows no counters of energy" in why
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (tmp_path / "intel-rapl:0:0").mkdir()  # a part of the package, which it counts already
    (zone / "max_energy_range_uj").write_text("10000000\n")
    (zone / "energy_uj").write_text("9000000\n")
    spent, why = energy.joules(lambda: (zone / "energy_uj").write_text("2000000\n"))
    assert (spent, why) == (3.0, "")  # it began again at the largest
    (zone / "energy_uj").write_text("no number")
    assert "cannot be read" in energy.joules(lambda: None)[1]
