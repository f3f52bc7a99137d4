"""Callbacks of two processes: each is called in its own, and all stop at the same step."""

from pathlib import Path

import pytest
import torch

from cartograd.engine.logging.run_folder import read_lines
from tests.engine.distributed import pair
from tests.engine.distributed.test_distributed_group import close


@pytest.fixture(scope="session")
def two(pairs):
    done = pairs(*pair.CALLED)
    assert done.codes() == [0, 0], "\n".join(done.errors)
    return {
        name: [torch.load(done.folder / f"{name}-{rank}.pt") for rank in range(2)]
        for name in pair.CALLED
    }


def events(found, kind):
    """Those of the run, which the lead has written."""
    lines = read_lines(Path(found["folder"]) / "events.jsonl")
    return [line for line in lines if line["event"] == kind]


class Until:
    def __init__(self, moment, step):
        setattr(self, moment, lambda view: view.stop() if view.step == step else None)


@pytest.mark.parametrize(
    ("check", "moment", "step"),
    [
        ("step by the lead", "on_step", 3),
        ("step by another", "on_step", 3),
        ("step by another alone", "on_step", 3),
        ("step by another, fsdp", "on_step", 3),
        ("report by another", "on_report", 1),
        ("save by another", "on_save", 4),
        ("validate by another", "on_validate", 6),
        ("epoch by another", "on_epoch", 6),
    ],
)
def test_a_stop_in_one_process_ends_all_where_a_single_one_ends(two, check, moment, step, tmp_path):
    alone = pair.spread(
        "ddp", callbacks=Until(moment, step), folder=tmp_path, save_every=4, log_every=1
    )
    assert len(alone["history"]) == 1
    for found in two[check]:
        close({key: found[key] for key in alone}, alone)
        (end,) = events(found, "finished")
        assert (end["step"], end["stopped"]) == (step, "callback")
        assert events(found, "changed") == []


def test_each_process_is_told_which_it_is(two):
    for check, found in two.items():
        for rank, mine in enumerate(found):
            if "alone" in check and rank == 0:
                assert mine["seen"] == []
            elif "by" in check:
                assert mine["seen"]
                assert {seen[1:] for seen in mine["seen"]} == {(rank, 2, rank == 0)}
    steps = [seen[0] for seen in two["step by another"][0]["seen"]]
    assert steps == [1, 2, 3]


@pytest.mark.parametrize("parallel", ["ddp", "fsdp", "tensor"])
def test_what_all_change_alike_is_as_in_one_process(two, parallel):
    alone = pair.spread("ddp", callbacks=[pair.Slower()])
    for found in two[f"changed {parallel}"]:
        close({key: found[key] for key in alone}, alone)
        assert {(x["by"], x["what"]) for x in events(found, "changed")} == {
            ("0 Slower", "optimizer"), ("0 Slower", "weights"),
        }  # fmt: skip
