"""What each of two processes does in the tests: one name of a check, or all of them.

`python -m tests.engine.distributed.pair FOLDER CHECK ...` is started once per process with the
environment that torchrun would give. A check writes what it found to FOLDER; the tests compare.
"""

import copy
import os
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.objectives.wgan_gp import WGANGP
from tests.engine.toys import Toy, mlp, quadrants

ROWS = 43
"""Batches of 8 leave 3 rows for the last, batches of 6 leave 1, which one process has to lend."""


def data(batch_size=8, dtype=torch.float64, rows=ROWS):
    x, y = quadrants(rows)
    return Toy(x.to(dtype), y, batch_size=batch_size)


def share_right(outputs, targets):
    return float((outputs.argmax(-1) == targets).double().mean())


def supervised(batch_size=8, *, model=None, dtype=torch.float64, rows=ROWS, **options):
    """Train a classifier; its weights and its history."""
    model = mlp(2, 16, 2) if model is None else model
    model = model.to(dtype)
    options = {"optimizers": "adamw:lr=1e-2", "epochs": 3} | options
    run = fit(
        Supervised(model),
        data(batch_size, dtype, rows),
        validate=data(16, dtype, rows),
        metrics={"accuracy": share_right},
        **options,
    )  # fmt: skip
    history = [{k: v for k, v in record.items() if k != "seconds"} for record in run.history]
    return {
        "weights": copy.deepcopy(model.state_dict()),
        "history": history,
        "stopped": run.stopped,
    }


def normed():
    """The bias of a layer before a normalisation has no gradient but rounding, so there is none."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(2, 16, bias=False), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 2)
    )


class Placed(WGANGP):
    """The penalty at places that follow from the data, so that any split draws the same."""

    @torch.enable_grad()
    def penalty(self, x, fake):
        share = x[:, :1].sigmoid()
        mix = (share * x + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(mix).sum(), mix, create_graph=True)
        return (slope.norm(dim=-1) - 1).square()


def wgan(parts=1):
    """Two players, three critic steps, a gradient penalty; the noise is part of the data."""
    g = torch.Generator().manual_seed(5)
    x, z = torch.randn(22, 2, generator=g), torch.randn(22, 4, 3, generator=g)
    objective = Placed(mlp(3, 8, 2, seed=1), mlp(2, 8, 1, seed=2), latent=3, critic_steps=3)
    objective.double()
    run = fit(
        objective, Toy(x.double(), z.double(), batch_size=8), epochs=3,
        optimizers={"critic": "adam:lr=1e-2,betas=(0.5,0.9)", "generator": "adam:lr=1e-2"},
        accumulate=parts, clip=1.0,
    )  # fmt: skip
    keep = ("train/critic/loss", "train/generator/loss", "train/gap")
    history = [{key: record[key] for key in keep} for record in run.history]
    return {"weights": objective.state_dict(), "history": history}


def wide():
    """Halves fill the processor's vectors, so that the fused kernel treats all numbers alike."""
    torch.manual_seed(4)
    return cg.build("mlp:features=16,classes=32,widths=(64,32)")


def wide_data(dtype, batch_size=8):
    g = torch.Generator().manual_seed(6)
    x, y = torch.randn(43, 16, generator=g), torch.randint(0, 32, (43,), generator=g)
    return Toy(x.to(dtype), y, batch_size=batch_size)


def spread(parallel, dtype=torch.float64, model=None, batch_size=8, **options):
    model = (wide() if model is None else model).to(dtype)
    options = {"optimizer": "adamw:lr=1e-2", "epochs": 3} | options
    source = wide_data(dtype, batch_size)
    run = fit(Supervised(model), source, validate=source, parallel=parallel, **options)
    history = [{key: record[key] for key in ("train/loss", "valid/loss")} for record in run.history]
    return {"weights": copy.deepcopy(model.state_dict()), "history": history}


def refused(**options):
    """The line that a mistake gives."""
    try:
        spread(**options)
    except UsageError as error:
        return {"line": str(error)}
    return {"line": None}


RATES: dict[str, Any] = {
    "optimizer": "adamw:lr=1e-2,weight_decay=0.1",
    "layer_decay": 0.5,
    "groups": "*.bias:lr=0.03;hidden.1.*:weight_decay=0.3",
}
WITH: dict[str, dict[str, Any]] = {
    "adamw": {},
    "scheduled": {"schedule": "cosine", "clip": 0.1},
    "momentum": {"optimizer": "sgd:lr=1e-2,momentum=0.9"},
    "muon": {"optimizer": "muon:lr=1e-2"},
    "second": {"groups": "hidden.0.*:optimizer=adamw,lr=0.02", "optimizer": "sgd:lr=1e-2"},
}
GROUPED = {
    f"{parallel} {name}": lambda _, parallel=parallel, more=more: spread(parallel, **RATES | more)
    for parallel in ("fsdp", "tensor")
    for name, more in WITH.items()
}
"""Rates by depth and name where weights are sharded."""


def parted(folder, parallel):
    """Two epochs, and two more from the checkpoint; besides, a folder that is left after two."""
    whole = spread(parallel, epochs=4)
    half = spread(parallel, epochs=2, folder=folder / f"left {parallel}")
    spread(parallel, epochs=2, folder=folder / f"parted {parallel}")
    again = spread(parallel, epochs=4, folder=folder / f"parted {parallel}", resume=True)
    return {"whole": whole, "half": half, "again": again}


SPREAD = {
    "parted ddp": lambda folder: parted(folder, "ddp"),
    "parted fsdp": lambda folder: parted(folder, "fsdp"),
    "refused width": lambda _: refused(
        parallel="tensor", model=cg.build("mlp:features=16,classes=32,widths=(5,6)")
    ),
    "refused batch": lambda _: refused(parallel="ddp", batch_size=1),
    "fsdp": lambda _: spread("fsdp"),
    "fsdp clipped": lambda _: spread("fsdp", clip=0.1),
    "fsdp float32": lambda _: spread("fsdp", torch.float32),
    "ddp float32": lambda _: spread("ddp", torch.float32),
    "tensor": lambda _: spread("tensor"),
    "tensor clipped": lambda _: spread("tensor", clip=0.1),
    "tensor float32": lambda _: spread("tensor", torch.float32),
}


class Stopping:
    """Asks for the end in one process, and notes what it sees in its own."""

    def __init__(self, moment, at, rank):
        self.seen = []
        self.at, self.by = at, rank
        setattr(self, moment, self.look)

    def look(self, view):
        self.seen.append((view.step, view.rank, view.size, view.is_lead))
        if view.step == self.at and view.rank == self.by:
            view.stop()


def stopped(folder, moment, at, rank, *, everywhere=True, parallel="ddp"):
    """A run that the callback of one process ends; the others may have none."""
    one = Stopping(moment, at, rank)
    mine = everywhere or int(os.environ["RANK"]) == rank
    place = folder / f"{moment} {rank} {everywhere} {parallel}"
    found = spread(
        parallel, callbacks=[one] if mine else [], folder=place, save_every=4, log_every=1
    )
    return found | {"seen": one.seen, "folder": str(place)}


class Slower:
    """Changes rates and weights alike in all processes."""

    def on_epoch(self, view):
        for group in view.optimizers["model"].param_groups:
            group["lr"] *= 0.5
        with torch.no_grad():
            for weight in view.model.parameters():
                weight.mul_(0.99)


def changed(folder, parallel):
    place = folder / f"changed {parallel}"
    return spread(parallel, callbacks=[Slower()], folder=place) | {"folder": str(place)}


CALLED = {
    "step by the lead": lambda folder: stopped(folder, "on_step", 3, 0),
    "step by another": lambda folder: stopped(folder, "on_step", 3, 1),
    "step by another alone": lambda folder: stopped(folder, "on_step", 3, 1, everywhere=False),
    "step by another, fsdp": lambda folder: stopped(folder, "on_step", 3, 1, parallel="fsdp"),
    "report by another": lambda folder: stopped(folder, "on_report", 1, 1),
    "save by another": lambda folder: stopped(folder, "on_save", 4, 1),
    "validate by another": lambda folder: stopped(folder, "on_validate", 6, 1),
    "epoch by another": lambda folder: stopped(folder, "on_epoch", 6, 1),
    "changed ddp": lambda folder: changed(folder, "ddp"),
    "changed fsdp": lambda folder: changed(folder, "fsdp"),
    "changed tensor": lambda folder: changed(folder, "tensor"),
}

CHECKS = {
    "even": lambda _: supervised(8, rows=40),
    "uneven": lambda _: supervised(8),
    "lent": lambda _: supervised(6),
    "accumulated": lambda _: supervised(3, accumulate=3),
    "clipped": lambda _: supervised(8, clip=0.1),
    "norm": lambda _: supervised(8, model=normed()),
    "norm lent": lambda _: supervised(6, model=normed(), rows=42),
    "wgan": lambda _: wgan(),
}


def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    folder, *names = sys.argv[1:]
    for name in names or [*CHECKS, *SPREAD, *CALLED, *GROUPED]:
        found = (CHECKS | SPREAD | CALLED | GROUPED)[name](Path(folder))
        rank = dist.get_rank() if dist.is_initialized() else 0
        torch.save(found, Path(folder) / f"{name}-{rank}.pt")


if __name__ == "__main__":
    main()
