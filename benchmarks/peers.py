"""The peers' own trainers, as their users set them up, for the benchmarks of training."""

from pathlib import Path
from typing import Any

_DECLARED: list[Any] = []
"""The declaration lives as long as its object."""


def declare_torchvision() -> None:
    """Let torchvision be imported beside a CPU build of torch, where its operators do not load.

    Transformers and torchmetrics import it where it is installed.
    """
    import torch

    if not _DECLARED:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append(library)


def transformers_trainer(
    network: Any, optimizer: Any, rows: Any, folder: Path, /, *, batch: int, **arguments: Any
) -> Any:
    """Hugging Face's Trainer on rows in order, at a constant rate, on the CPU and without saving.

    Args:
        network: gives logits.
        optimizer: of its weights.
        rows: a list of `{"inputs": ..., "labels": ...}`.
        folder: where it writes.
        batch: examples of a step.
        **arguments: further ones of `TrainingArguments`.
    """
    declare_torchvision()
    import torch
    import torch.nn.functional as F
    from transformers import Trainer, TrainingArguments

    class Classifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: Any, labels: Any) -> Any:
            logits = self.network(inputs)
            # Rows of labels (one for each token) count as so many examples.
            loss = F.cross_entropy(logits.flatten(0, -2), labels.flatten())
            return {"loss": loss, "logits": logits}

    class InOrder(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    chosen = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=batch,
        max_grad_norm=0.0,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        dataloader_pin_memory=False,
        **arguments,
    )
    constant = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    return InOrder(
        model=Classifier(), args=chosen, train_dataset=rows, optimizers=(optimizer, constant)
    )


def rows(x: Any, y: Any, /) -> list[dict[str, Any]]:
    """Examples in the form that Hugging Face's collation takes."""
    return [{"inputs": a, "labels": b} for a, b in zip(x, y, strict=True)]
