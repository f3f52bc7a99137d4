"""Clients in several processes: the same weights as in one."""

import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from cartograd.frontier.federated.scaffold import scaffold
from cartograd.frontier.privacy.dp_fedavg import dp_fedavg
from tests.frontier.federated.support import founded, trained
from tests.programs import Program

KINDS = {
    "fedavg": {"alpha": 0.5, "clients": 5},
    "median": {"clients": 5, "aggregate": "median", "share": 0.8},
    "secure": {"clients": 5, "secure": True, "share": 0.6},
    "private": {"clients": 6, "share": 0.5, "private": True},
    "scaffold": {"make": scaffold, "clients": 4, "share": 0.5},
}


def made(*, private=False, **given):
    """A federation, bounded by a secret that the lead alone knows."""
    federation = founded(size=8, **given)
    if private:
        secret = 5 if os.environ.get("RANK", "0") == "0" else 6
        dp_fedavg(federation, federation.local.part, 8, 3, noise=1.0, delta=1e-3, secret=secret)
    return federation


def apart(rank: int, size: int, folder: str) -> None:
    """What one of several processes does."""
    store = str(Path(folder) / "store")
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(size), CARTOGRAD_STORE=store)
    torch.set_num_threads(1)
    found = {}
    for name, given in KINDS.items():
        weights, run = trained(made(**given), rounds=3)
        found[name] = weights, [one["train/loss"] for one in run.history]
    assert dist.get_world_size() == size
    torch.save(found, Path(folder) / f"{rank}.pt")


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    programs = [Program(apart, rank, 3, str(folder)) for rank in range(3)]
    said = [program.communicate(timeout=300)[1] for program in programs]
    assert [program.returncode for program in programs] == [0, 0, 0], "\n".join(said)
    return [torch.load(folder / f"{rank}.pt") for rank in range(3)]


@pytest.mark.law("fedavg")
@pytest.mark.parametrize("name", KINDS)
def test_separate_processes_end_where_one_does(name, three):
    weights, run = trained(made(**KINDS[name]), rounds=3)
    losses = [one["train/loss"] for one in run.history]
    atol = 1e-8 if name == "secure" else 1e-12  # masks are of numbers of 32 binary places
    for found in three:
        torch.testing.assert_close(found[name][0], weights, atol=atol, rtol=0)
        assert found[name][1] == pytest.approx(losses, abs=1e-6)
