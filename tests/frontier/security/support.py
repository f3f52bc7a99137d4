"""What tests of attacks measure."""

import torch


def right(model, x, y):
    with torch.no_grad():
        return model(x).argmax(1) == y


def share(model, x, y):
    """How many stand."""
    return right(model, x, y).float().mean().item()


def size(change, norm):
    return change.flatten(1).norm(float("inf") if norm == "linf" else 2, dim=1)
