"""A training step that is all arithmetic: ResNet-18 on 32x32 images, where an engine can only lose.

Every side trains the same network (3x3 stem, 64 channels wide) from the same weights on the same
batches of 32 in the same order, SGD with momentum, one thread; none writes a checkpoint. 'Like for
like' is float32 everywhere; 'as shipped' leaves the precision to each engine: ours chooses
bfloat16 where the processor computes in it. Its rounding grows with the steps, so what must agree
there is not the weights but the loss that they reach. Ours also tries a batch before its first step
(the rehearsal; a few rows on a processor), which counts here: one in 24 steps.
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.case import Case, Timer
from benchmarks.peers import rows, transformers_trainer

BATCH, STEPS, WARM = 32, 24, 2
CLASSES = 10
LR, MOMENTUM = 0.02, 0.9

Train = Callable[[Any, Any, Path], None]
"""(network, loader, folder): train it for one epoch."""


def _network() -> Any:
    import torch

    import cartograd as cg

    torch.manual_seed(3)
    picture = cg.Port("input", "image", (3, 32, 32))
    answer = cg.Port("label", "label", (CLASSES,), labels=tuple(map(str, range(CLASSES))))
    return cg.build("resnet:depth=18", signature=cg.Signature((picture,), (answer,)))


def _data(steps: int) -> tuple[Any, Any]:
    import torch

    generator = torch.Generator().manual_seed(7)
    x = torch.rand(steps * BATCH, 3, 32, 32, generator=generator)
    return x, torch.randint(0, CLASSES, (steps * BATCH,), generator=generator)


Answer = Callable[[Any, Any], list[float]]
"""(network, data): what must be equal on all sides."""


def _side(train: Train, answer: Answer) -> Callable[[Timer], list[float]]:
    """A side: two steps to warm up, then those that count, from fresh weights."""

    def side(clock: Timer) -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            train(_network(), _data(WARM), Path(folder) / "warm")
            network, data = _network(), _data(STEPS)
            with clock(STEPS):
                train(network, data, Path(folder) / "timed")
            return answer(network, data)

    return side


def _loss(network: Any, data: Any) -> list[float]:
    """The mean loss after training, on what it was trained on, in float32."""
    import torch
    import torch.nn.functional as F

    x, y = data
    with torch.inference_mode():
        parts = [
            F.cross_entropy(network.train()(a), b)
            for a, b in zip(x.split(BATCH), y.split(BATCH), strict=True)
        ]
    return [float(torch.stack(parts).mean())]


def _weights(network: Any, _: Any) -> list[float]:
    """The weights of the first and the last layer: the gradient of the first went through all."""
    parameters = [p.detach().flatten() for p in network.parameters()]
    return [*parameters[0].tolist(), *parameters[-2].tolist()]


def _sgd(network: Any) -> Any:
    import torch

    return torch.optim.SGD(network.parameters(), lr=LR, momentum=MOMENTUM, fused=True)


def _cartograd(precision: str) -> Train:
    def train(network: Any, data: Any, _: Path) -> None:
        import cartograd as cg
        from cartograd.data.dataset.tensors import tensors

        found = tensors(*data, valid=0.0, test=0.0, standardise=False)
        cg.fit(
            cg.build("classify", model=network),
            found.train.batches(batch_size=BATCH, shuffle=False),
            optimizer=f"sgd:lr={LR},momentum={MOMENTUM}",
            epochs=1,
            precision=precision,
        )

    return train


def _loader(data: Any) -> Any:
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(*data), batch_size=BATCH)


def _raw(network: Any, data: Any, _: Path) -> None:
    import torch.nn.functional as F

    optimizer = _sgd(network.train())
    batches: Iterable[Any] = _loader(data)
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()
        optimizer.step()


def _lightning(network: Any, data: Any, folder: Path) -> None:
    import lightning as L
    import torch.nn.functional as F

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def training_step(self, batch: Any, _: int) -> Any:
            return F.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return _sgd(self.network)

    L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        default_root_dir=folder,
    ).fit(Module(), _loader(data))


def _transformers(network: Any, data: Any, folder: Path) -> None:
    optimizer, examples = _sgd(network), rows(*data)
    transformers_trainer(
        network, optimizer, examples, folder, batch=BATCH, num_train_epochs=1
    ).train()


def flops() -> float:
    """Of one step: forward and backward of a batch, as torch counts them."""
    import torch
    import torch.nn.functional as F
    from torch.utils.flop_counter import FlopCounterMode

    network = _network().to("meta").train()
    counter = FlopCounterMode(display=False)
    with counter:
        logits = network(torch.empty(BATCH, 3, 32, 32, device="meta"))
        F.cross_entropy(logits, torch.empty(BATCH, dtype=torch.long, device="meta")).backward()
    return float(counter.get_total_flops())


CASES = (
    Case(
        name="like for like",
        what="All in float32.",
        unit="step",
        sides={
            "cartograd": _side(_cartograd("float32"), _weights),
            "raw loop": _side(_raw, _weights),
            "Lightning": _side(_lightning, _weights),
            "Hugging Face Trainer": _side(_transformers, _weights),
        },
        asked={"raw loop": 1 / 1.02, "Lightning": 1.0, "Hugging Face Trainer": 1.0},
        tolerance=1e-3,
        flops=flops,
        peak="peak_f32",
    ),
    Case(
        name="as shipped",
        what="Ours with `precision=auto`, its default; the others in float32, theirs. "
        "The losses that are reached agree.",
        unit="step",
        sides={
            "cartograd": _side(_cartograd("auto"), _loss),
            "raw loop": _side(_raw, _loss),
            "Lightning": _side(_lightning, _loss),
            "Hugging Face Trainer": _side(_transformers, _loss),
        },
        asked={"raw loop": 1.8, "Lightning": 1.8, "Hugging Face Trainer": 1.8},
        tolerance=0.05,
        flops=flops,
        peak="peak_bf16",
    ),
)
