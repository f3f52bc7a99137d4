"""A training step of language models: a GPT of six layers, and an LSTM of two.

Every side trains the same network from the same weights on the same batches in the same order, by
AdamW, one thread; none writes a checkpoint. 'As shipped' leaves the precision to each engine: ours
chooses bfloat16 where the processor computes in it; there the losses that are reached must agree.
Ours also tries a batch before its first step (the rehearsal; two to four rows on a processor),
which counts here: one in 24 steps.

In float32 as others compute it there is little to win where MKL reaches the processor's peak, as on
the fourth generation of EPYC (2026-11: 95 to 105 of 115 GFLOP/s in all three products of a layer,
three quarters of a GPT's step; oneDNN 0.92 to 1.0 of its time for outputs and gradients of inputs,
1.05 for those of weights). Attention by products of its own takes 1.25 times the kernel's time
there, GELU with its slope half of torch's (3 % of the step). An LSTM is one kernel for nine tenths
of its step, the same on all sides; what is left is the rehearsal. Nor is there a tenth in what else
a step does: of the GPT's fused AdamW takes 0.8 % and the loss with its gradient 0.1, of the LSTM's
1.1 and 0.9; so neither a compiled update nor a loss in chunks was made.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.case import Case, Timer
from benchmarks.peers import rows, transformers_trainer

ROWS, LENGTH, VOCABULARY = 8, 128, 512
STEPS, WARM = 24, 2
LR = 1e-3

MODELS = {
    "GPT": f"gpt:vocabulary={VOCABULARY},context={LENGTH},dim=256,heads=8,depth=6,dropout=0.0",
    "LSTM": f"lstm-language-model:vocabulary={VOCABULARY},dim=256,depth=2,dropout=0.0",
}

Train = Callable[[Any, Any, Path], None]
"""(network, data, folder): train it for one epoch."""

Answer = Callable[[Any, Any], list[float]]
"""(network, data): what must be equal on all sides."""


def _network(name: str) -> Any:
    import torch

    import cartograd as cg

    torch.manual_seed(3)
    text = cg.Port("text", "text", ("t",), "int64", (0, VOCABULARY - 1))
    after = cg.Port("next", "label", ("t", VOCABULARY), task="next-token")
    return cg.build(MODELS[name], signature=cg.Signature((text,), (after,)))


def _data(steps: int) -> tuple[Any, Any]:
    import torch

    generator = torch.Generator().manual_seed(7)
    text = torch.randint(0, VOCABULARY, (steps * ROWS, LENGTH + 1), generator=generator)
    return text[:, :-1].contiguous(), text[:, 1:].contiguous()


def _side(name: str, train: Train, answer: Answer) -> Callable[[Timer], list[float]]:
    """A side: two steps to warm up, then those that count, from fresh weights."""

    def side(clock: Timer) -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            train(_network(name), _data(WARM), Path(folder) / "warm")
            network, data = _network(name), _data(STEPS)
            with clock(STEPS):
                train(network, data, Path(folder) / "timed")
            return answer(network, data)

    return side


def _loss(network: Any, data: Any) -> list[float]:
    """The mean loss after training, on what it was trained on, in float32."""
    import torch

    with torch.inference_mode():
        parts = [
            _cross_entropy(network.eval()(x), y)
            for x, y in zip(data[0].split(ROWS), data[1].split(ROWS), strict=True)
        ]
    return [float(torch.stack(parts).mean())]


def _weights(network: Any, _: Any) -> list[float]:
    """The weights of the first layer, whose gradient went through all, and of the last."""
    parameters = [p.detach().flatten() for p in network.parameters()]
    return [*parameters[0][:4096].tolist(), *parameters[-1][:4096].tolist()]


def _cross_entropy(logits: Any, labels: Any) -> Any:
    import torch.nn.functional as F

    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def _adamw(network: Any) -> Any:
    import torch

    return torch.optim.AdamW(network.parameters(), lr=LR, fused=True)


def _cartograd(precision: str) -> Train:
    def train(network: Any, data: Any, _: Path) -> None:
        import cartograd as cg
        from cartograd.data.dataset.dataset import Split

        split = Split(*data, network.signature)
        cg.fit(
            cg.build("label-tokens", model=network),
            split.batches(batch_size=ROWS, shuffle=False),
            optimizer=f"adamw:lr={LR}",
            decay="all",
            epochs=1,
            precision=precision,
        )

    return train


def _loader(data: Any) -> Any:
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(*data), batch_size=ROWS)


def _raw(network: Any, data: Any, _: Path) -> None:
    optimizer = _adamw(network.train())
    for x, y in _loader(data):
        optimizer.zero_grad()
        _cross_entropy(network(x), y).backward()
        optimizer.step()


def _lightning(network: Any, data: Any, folder: Path) -> None:
    import lightning as L

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def training_step(self, batch: Any, _: int) -> Any:
            return _cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return _adamw(self.network)

    L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        default_root_dir=folder,
    ).fit(Module(), _loader(data))


def _transformers(network: Any, data: Any, folder: Path) -> None:
    optimizer, examples = _adamw(network), rows(*data)
    transformers_trainer(
        network, optimizer, examples, folder, batch=ROWS, num_train_epochs=1
    ).train()


def _flops(name: str) -> Callable[[], float]:
    def count() -> float:
        """Of one step: forward and backward of a batch, as torch counts them."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        network = _network(name).to("meta").train()
        tokens = torch.empty(ROWS, LENGTH, dtype=torch.long, device="meta")
        counter = FlopCounterMode(display=False)
        with counter:
            _cross_entropy(network(tokens), tokens).backward()
        return float(counter.get_total_flops())

    return count


def _case(name: str, *, shipped: bool) -> Case:
    answer = _loss if shipped else _weights
    ours = _cartograd("auto" if shipped else "float32")
    return Case(
        name=f"{name}, {'as shipped' if shipped else 'like for like'}",
        what=(
            "Ours with `precision=auto`, its default; the others in float32, theirs. The losses "
            "that are reached agree."
            if shipped
            else "All in float32."
        ),
        unit="step",
        sides={
            "cartograd": _side(name, ours, answer),
            "raw loop": _side(name, _raw, answer),
            "Lightning": _side(name, _lightning, answer),
            "Hugging Face Trainer": _side(name, _transformers, answer),
        },
        asked={"raw loop": 1 / 1.02, "Lightning": 1.0, "Hugging Face Trainer": 1.0},
        tolerance=0.05 if shipped else 1e-3,
        # An LSTM is one kernel, whose operations torch does not count.
        flops=_flops(name) if name == "GPT" else None,
        peak="peak_bf16" if shipped else "peak_f32",
    )


CASES = tuple(_case(name, shipped=shipped) for name in MODELS for shipped in (False, True))
