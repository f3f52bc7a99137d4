"""Saving and reading a training state of 126 MB: 10.5 million weights and AdamW's two moments.

Ours hashes every file, writes a manifest, asks the disk to keep it and renames the folder, so that
a checkpoint is whole or absent; `torch.save` alone does none of this. What training waits for is
less: the copy of the tensors, as hashing and writing go on beside it.

Ours goes straight to the disk, so it is not in the system's memory when it is read, as the others'
files are. How long these take to write depends on how much of that memory is free and was in use
before: 55 to 70 ms of the processor's time, or 170 to 230 (a virtual machine has to ask for it).
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.case import Case, Timer

WIDTH, LAYERS, TIMES = 1024, 10, 5


def _state() -> tuple[Any, Any]:
    """A network and its optimizer after a step."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    network = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    network(torch.randn(8, WIDTH)).square().mean().backward()
    optimizer.step()
    return network, optimizer


Save = Callable[[Any, Any, Path], Callable[[], Any]]
"""(network, optimizer, folder): save them; what reads the network's weights back."""


def _side(prepare: Callable[[Any, Any], Save]) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        network, optimizer = _state()
        save = prepare(network, optimizer)
        with tempfile.TemporaryDirectory() as folder:
            read = save(network, optimizer, Path(folder) / "warm")
            for number in range(TIMES):
                with clock(1):
                    read = save(network, optimizer, Path(folder) / str(number))
            return [float(value.double().sum()) for _, value in sorted(read().items())]

    return side


def _read_side(prepare: Callable[[Any, Any], Save]) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        network, optimizer = _state()
        with tempfile.TemporaryDirectory() as folder:
            read = prepare(network, optimizer)(network, optimizer, Path(folder) / "one")
            read()
            for _ in range(TIMES):
                with clock(1):
                    found = read()
            return [float(value.double().sum()) for _, value in sorted(found.items())]

    return side


def _parts(network: Any, optimizer: Any) -> dict[str, Any]:
    return {"objective": network.state_dict(), "optimizer": optimizer.state_dict()}


def _cartograd(_: Any, __: Any) -> Save:
    from cartograd.engine.checkpoint import storage

    def save(network: Any, optimizer: Any, folder: Path) -> Callable[[], Any]:
        storage.save(folder, 1, _parts(network, optimizer))
        return lambda: storage.load(folder).parts["objective"]

    return save


def _waiting(_: Any, __: Any) -> Save:
    """Only what training waits for; the rest is done when the weights are asked for.

    As in a run the copy goes where the one before it was.
    """
    from cartograd.engine.checkpoint import storage

    before = None

    def save(network: Any, optimizer: Any, folder: Path) -> Callable[[], Any]:
        nonlocal before
        taken = before = storage.snapshot(1, _parts(network, optimizer), still=(), reuse=before)

        def read() -> Any:
            storage.write(folder, taken)
            return storage.load(folder).parts["objective"]

        return read

    return save


def _torch(_: Any, __: Any) -> Save:
    import torch

    def save(network: Any, optimizer: Any, folder: Path) -> Callable[[], Any]:
        folder.mkdir()
        torch.save(_parts(network, optimizer), folder / "state.pt")
        return lambda: torch.load(folder / "state.pt", weights_only=True)["objective"]

    return save


def _lightning(network: Any, optimizer: Any) -> Save:
    import lightning as L
    import torch

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def configure_optimizers(self) -> Any:
            return optimizer

    trainer = L.Trainer(accelerator="cpu", logger=False, enable_model_summary=False)
    trainer.strategy.connect(Module())
    trainer.strategy.setup(trainer)

    def save(_: Any, __: Any, folder: Path) -> Callable[[], Any]:
        path = folder.with_suffix(".ckpt")
        trainer.save_checkpoint(path)
        return lambda: torch.load(path, weights_only=True)["state_dict"]

    return save


def _accelerate(network: Any, optimizer: Any) -> Save:
    from accelerate import Accelerator
    from safetensors.torch import load_file

    accelerator = Accelerator(cpu=True)
    accelerator.prepare(network, optimizer)

    def save(_: Any, __: Any, folder: Path) -> Callable[[], Any]:
        accelerator.save_state(str(folder))
        return lambda: load_file(folder / "model.safetensors")

    return save


CASES = (
    Case(
        name="save",
        what="Until the checkpoint is on the disk: ours hashed, synchronised and renamed, "
        "the others as they are.",
        unit="checkpoint",
        sides={
            "cartograd": _side(_cartograd),
            "torch.save": _side(_torch),
            "Lightning": _side(_lightning),
            "Accelerate": _side(_accelerate),
        },
        asked={"torch.save": 1.0},
        tolerance=1e-12,
    ),
    Case(
        name="what training waits for",
        what="Ours copies and goes on; the others write meanwhile.",
        unit="checkpoint",
        sides={
            "cartograd": _side(_waiting),
            "torch.save": _side(_torch),
            "Lightning": _side(_lightning),
            "Accelerate": _side(_accelerate),
        },
        asked={"torch.save": 2.0},
        tolerance=1e-12,
    ),
    Case(
        name="read",
        what="Until the weights are in memory: ours verifies all that was written.",
        unit="checkpoint",
        sides={"cartograd": _read_side(_cartograd), "torch.load": _read_side(_torch)},
        tolerance=1e-12,
    ),
)
