"""Convolutional networks for the tests of exporters to libraries of such."""

import torch

from cartograd.core.build import build
from cartograd.core.ports import Port, Signature


def seen(size=96, classes=3, **more):
    port = Port("image", "image", (3, size, size), bounds=(0.0, 1.0), **({"mean": (0.4, 0.5, 0.6),
                "std": (0.1, 0.2, 0.3)} | more))  # fmt: skip
    labels = ("bad", "fair", "good")[:classes]
    return Signature((port,), (Port("taste", "label", (classes,), labels=labels, task="classify"),))


def made(spec, signature=None):
    """A network whose running statistics are not those of an untrained one."""
    torch.manual_seed(0)
    model = build(spec, kind="model", signature=signature or seen()).eval()
    with torch.no_grad():
        for name, value in model.named_buffers():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
    return model


def same(model, theirs):
    x = torch.rand(2, 3, 96, 96)
    mean, std = (torch.tensor(values)[:, None, None] for values in
                 (model.signature.input.mean, model.signature.input.std))  # fmt: skip
    with torch.no_grad():
        torch.testing.assert_close(theirs.eval()((x - mean) / std), model(x), rtol=1e-5, atol=1e-5)
