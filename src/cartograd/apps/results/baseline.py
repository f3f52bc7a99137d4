"""What the best constant answer would reach: the least that a model has to beat."""

import torch
from torch import Tensor

from cartograd.core.ports import Signature


def against_constant(
    signature: Signature,
    targets: Tensor,
    metrics: dict[str, float],
    intervals: dict[str, tuple[float, float]],
    /,
) -> str:
    """A sentence that holds accuracy or r2 against always giving the same answer.

    It is the commonest class of these examples (or set of classes), or their mean, so the constant
    has an advantage.

    Args:
        signature: what the answers are.
        targets: the right answers.
        metrics: as measured.
        intervals: the 95 % interval of each.

    Returns:
        The sentence; empty where neither metric was measured.
    """
    if signature.task.target == "class" and targets.ndim == 1 and "accuracy" in metrics:
        counts = torch.bincount(targets)
        most = int(counts.argmax())
        labels = signature.output.labels
        name = labels[most] if most < len(labels) else str(most)
        share = float(counts[most]) / len(targets)
        low, high = intervals["accuracy"]
        return _sentence(
            low - share, high - share, f'always "{name}"', f"{100 * share:.1f} % right"
        )
    if signature.task.target == "classes" and "accuracy" in metrics:
        rows, counts = torch.unique(targets, dim=0, return_counts=True)
        most = int(counts.argmax())
        chosen = zip(signature.output.labels, rows[most].tolist(), strict=False)
        name = ", ".join(label for label, holds in chosen if holds) or "none"
        share = float(counts[most]) / len(targets)
        low, high = intervals["accuracy"]
        told = f"{100 * share:.1f} % with all labels right"
        return _sentence(low - share, high - share, f'always "{name}"', told)
    if signature.task.name == "regress" and "r2" in metrics:
        return _sentence(*intervals["r2"], "always their mean", "r2 0")
    return ""


def _sentence(low: float, high: float, constant: str, reached: str) -> str:
    """Better, worse, or neither: by an interval of the difference to the constant answer."""
    if low > 0:
        return f"better than {constant} ({reached})"
    return f"{'worse' if high < 0 else 'no better'} than {constant} ({reached})"
