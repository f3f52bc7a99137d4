"""What a training step costs beside the arithmetic: a tiny network, so that the engine shows.

Every side trains the same network from the same weights on the same batches in the same order
(2,000 steps of 64 examples, SGD with momentum, one thread) and writes the loss to a file as it
goes, each 50th in the first case and each in the second; the weights they end with must agree.
Each has trained for 200 steps in the same process before, so that what is loaded lazily is there.
"""

import itertools
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.case import Case, Timer
from benchmarks.peers import declare_torchvision, rows, transformers_trainer

BATCH, STEPS, EPOCHS = 64, 500, 4
FEATURES, WIDTH, CLASSES = 64, 32, 10
LR, MOMENTUM = 0.05, 0.9


def _data(steps: int) -> tuple[Any, Any]:
    """Inputs and the classes that a fixed random projection gives them."""
    import torch

    generator = torch.Generator().manual_seed(7)
    x = torch.randn(steps * BATCH, FEATURES, generator=generator)
    teacher = torch.randn(FEATURES, CLASSES, generator=generator)
    return x, (x @ teacher).argmax(1)


def _network() -> Any:
    import torch
    from torch import nn

    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES))


def _weights(network: Any) -> list[float]:
    import torch

    return torch.cat([p.detach().flatten() for p in network.parameters()]).tolist()


def _sgd(network: Any) -> Any:
    import torch

    return torch.optim.SGD(network.parameters(), lr=LR, momentum=MOMENTUM, fused=True)


Prepare = Callable[[Any, Any], Any]
"""(x, y): the data in the form that the side takes; not timed."""
Train = Callable[[Any, Any, int, Path, int], None]
"""(network, data, epochs, folder, log_every): train it, keep records in the folder."""


def _timed(prepare: Prepare, train: Train, log_every: int) -> Callable[[Timer], list[float]]:
    """A side: 200 steps to warm up, then the run that counts, from fresh weights."""

    def side(clock: Timer) -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            train(_network(), prepare(*_data(100)), 2, Path(folder) / "warm", log_every)
            network, data = _network(), prepare(*_data(STEPS))
            with clock(STEPS * EPOCHS):
                train(network, data, EPOCHS, Path(folder) / "timed", log_every)
            return _weights(network)

    return side


def _tensors(x: Any, y: Any) -> Any:
    from cartograd.data.dataset.tensors import tensors

    return tensors(x, y, valid=0.0, test=0.0, standardise=False)


def _cartograd(network: Any, data: Any, epochs: int, folder: Path, log_every: int) -> None:
    import cartograd as cg

    cg.fit(
        cg.build("classify", model=network),
        data.train.batches(batch_size=BATCH, shuffle=False),
        optimizer=f"sgd:lr={LR},momentum={MOMENTUM}",
        epochs=epochs,
        folder=folder,
        log_every=log_every,
        progress=True,
    )


def _raw(network: Any, batches: Iterable[Any], epochs: int, folder: Path, log_every: int) -> None:
    """The loop that everyone writes, with the loss in a file every few steps."""
    import torch.nn.functional as F

    folder.mkdir()
    optimizer = _sgd(network)
    with (folder / "log.jsonl").open("w") as log:
        step = 0
        for _ in range(epochs):
            for x, y in batches:
                optimizer.zero_grad()
                loss = F.cross_entropy(network(x), y)
                loss.backward()
                optimizer.step()
                step += 1
                if step % log_every == 0:
                    log.write(json.dumps({"step": step, "loss": loss.item()}) + "\n")


class _Gathered:
    """Batches gathered from tensors in memory, as in a loop that shuffles; here in order."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    def __iter__(self) -> Any:
        import torch

        for index in torch.arange(len(self.x)).split(BATCH):
            yield self.x[index], self.y[index]


def _loader(x: Any, y: Any) -> Any:
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(x, y), batch_size=BATCH)


def _lightning(network: Any, batches: Any, epochs: int, folder: Path, log_every: int) -> None:
    declare_torchvision()
    import lightning as L
    import torch.nn.functional as F
    from lightning.pytorch.loggers import CSVLogger

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def training_step(self, batch: Any, _: int) -> Any:
            inputs, targets = batch
            loss = F.cross_entropy(self.network(inputs), targets)
            self.log("loss", loss, prog_bar=True)
            return loss

        def configure_optimizers(self) -> Any:
            return _sgd(self.network)

    trainer = L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=CSVLogger(folder),
        log_every_n_steps=log_every,
        default_root_dir=folder,
    )
    trainer.fit(Module(), batches)


def _transformers(network: Any, examples: Any, epochs: int, folder: Path, log_every: int) -> None:
    options = {"num_train_epochs": epochs, "logging_steps": log_every}
    optimizer = _sgd(network)
    transformers_trainer(network, optimizer, examples, folder, batch=BATCH, **options).train()


def _arrays(x: Any, y: Any) -> Any:
    return x.numpy(), y.numpy()


def _keras(network: Any, data: Any, epochs: int, folder: Path, log_every: int) -> None:
    import keras
    import torch

    folder.mkdir()
    model = keras.Sequential(
        [
            keras.layers.Input((FEATURES,)),
            keras.layers.Dense(WIDTH, activation="relu"),
            keras.layers.Dense(CLASSES),
        ]
    )
    weights = [p.detach().numpy() for p in network.parameters()]
    model.set_weights([w.T if w.ndim == 2 else w for w in weights])
    model.compile(
        optimizer=keras.optimizers.SGD(LR, momentum=MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    with (folder / "log.jsonl").open("w") as file:

        def write(step: int, logs: Any) -> None:
            if (step + 1) % log_every == 0:
                file.write(json.dumps({"step": step} | logs) + "\n")

        log = keras.callbacks.LambdaCallback(on_train_batch_end=write)
        model.fit(*data, BATCH, epochs, shuffle=False, callbacks=[log])
    with torch.no_grad():
        for mine, theirs in itertools.zip_longest(network.parameters(), model.get_weights()):
            mine.copy_(torch.as_tensor(theirs.T if theirs.ndim == 2 else theirs))


def _sides(log_every: int) -> dict[str, Callable[[Timer], list[float]]]:
    return {
        "cartograd": _timed(_tensors, _cartograd, log_every),
        "raw loop, tensors in memory": _timed(_Gathered, _raw, log_every),
        "raw loop, DataLoader": _timed(_loader, _raw, log_every),
        "Lightning": _timed(_loader, _lightning, log_every),
        "Hugging Face Trainer": _timed(rows, _transformers, log_every),
        "Keras on torch": _timed(_arrays, _keras, log_every),
    }


ASKED = {"raw loop, tensors in memory": 1 / 1.15} | dict.fromkeys(
    ("Lightning", "Hugging Face Trainer", "Keras on torch"), 5.0
)

CASES = tuple(
    Case(
        name=name,
        what=f"{FEATURES}-{WIDTH}-{CLASSES} network; the time of the whole call that trains, over "
        "its steps. A raw loop must take at least 0.87 of our time (we at most 1.15 of its), the "
        f"frameworks five times ours. {what} The frameworks draw their progress bars, as they do "
        "by default, and so do we.",
        unit="step",
        sides=_sides(log_every),
        asked=ASKED,
        tolerance=1e-4,
    )
    for name, log_every, what in (
        ("tiny MLP", 50, "Each logs every 50th loss to a file."),
        ("tiny MLP, every loss logged", 1, "Each logs the loss of every step to a file."),
    )
)
