"""A long training on few digits, stopped by the validation loss or not."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.engine.loop.fit import Run
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import accuracy, dataset, few, loss, train

CLAIM = Claim(
    id="early-stopping",
    place="regularize/early-stopping",
    en="Early stopping picks a better test point than the last epoch",
    zh="早停减轻过拟合",
    hypothesis="An MLP of 256 hidden units learns 100 digits for 400 epochs. The test loss of the "
    "epoch that early stopping keeps (validation loss, 20 epochs of patience) is below that of "
    "the last epoch, all else the same.",
    rule=("mean stop - end < 0",),
    seeds=15,
    first=100,
    remark="Better in loss: the share of test images that are right is the same. The later epochs "
    "make the network surer of its mistakes rather than more mistaken.",
    draw=("training", "validation"),
    axes=("epoch", "cross-entropy"),
    scale="y",
)
EPOCHS = 400


def measure(seed: int, /) -> Measured:
    """Test loss and accuracy at the stop less those at the end."""
    data = dataset("digits")
    split = few(data.train, 100, seed=seed)
    held = data.valid.batches(batch_size=512, shuffle=False)

    def trained(patience: int | None) -> tuple[nn.Module, Run]:
        torch.manual_seed(seed)
        model = build("mlp", features=64, classes=10, widths=(256,))
        watch = {} if patience is None else {"validate": held, "patience": patience}
        run = train(model, split, seed=seed, epochs=EPOCHS, batch_size=50, **watch)
        return model, run

    end, _ = trained(None)
    stop, _ = trained(20)
    _, whole = trained(EPOCHS)  # the same way to the end, watched
    epochs = [float(record["epoch"]) for record in whole.history]
    return {
        "stop - end": loss(stop, data.test) - loss(end, data.test),
        "accuracy stop - end": accuracy(stop, data.test) - accuracy(end, data.test),
        "epoch kept": float(whole.best["epoch"]),
        "training": Curve(epochs, [record["train/loss"] for record in whole.history]),
        "validation": Curve(epochs, [record["valid/loss"] for record in whole.history]),
    }
