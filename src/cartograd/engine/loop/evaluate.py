"""A model's outputs on data, and the validation pass of a run."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating, inferring
from cartograd.core.protocols import Batches, Loss, Metric
from cartograd.engine.device.device import HALVES, autocast, pick
from cartograd.engine.device.randomness import VALIDATION, preserved, seeder
from cartograd.engine.device.visit import visiting
from cartograd.engine.distributed.process_group import ProcessGroup, SingleProcess, process_group
from cartograd.engine.inputs.stream import as_batches, examples, moved
from cartograd.engine.logging.metric_logger import MetricLogger


def collect(
    model: nn.Module,
    batches: Batches | Any,
    /,
    *,
    device: str = "auto",
    reduce: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """The model's outputs and the targets for all batches, on the CPU, in the batches' order.

    The last tensor of a batch is the target, those before it are the model's inputs. The model
    runs in evaluation mode and gets its own mode back, and its place.
    Several processes of one run share the batches, and each gets all outputs.

    Args:
        model: any module.
        batches: `Batches`, a DataLoader or an iterable of tuples of tensors.
        device: where to compute.
        reduce: reduces the outputs and targets of each batch to a few numbers for each example,
            where all would not fit into memory.

    Returns:
        outputs `(n, ...)` and targets `(n, ...)`; of a model that labels each position, those of
        all positions that have a label, one after another.

    Raises:
        UsageError: there are no batches, or a batch has no target.
    """
    chosen = pick(device)
    processes = process_group("ddp", chosen)
    chosen = processes.device(chosen)
    found: list[tuple[int, tuple[Tensor, Tensor]]] = []
    with processes, preserved(chosen), visiting(model, chosen), inferring(model):
        for number, batch in processes.turns(moved(as_batches(batches).epoch(0, seed=0), chosen)):
            inputs, target = split(batch)
            assert number is not None
            pair = model(*inputs).cpu(), target.cpu()
            outputs, targets = labelled(*pair)
            found.append((number, (outputs if reduce is None else reduce(*pair), targets)))
        pairs = processes.in_order(found)
    if not pairs:
        raise UsageError("there are no batches to evaluate on")
    answers, targets = zip(*pairs, strict=True)
    return torch.cat(answers), torch.cat(targets)


def labelled(outputs: Tensor, targets: Tensor, /) -> tuple[Tensor, Tensor]:
    """Logits of the positions that have a label (0 or more) and the labels, if there are several.

    >>> logits, labels = labelled(torch.zeros(2, 3, 5), torch.tensor([[1, 4, -100], [0, 2, 2]]))
    >>> logits.shape, labels.tolist()
    (torch.Size([5, 5]), [1, 4, 0, 2, 2])
    """
    several = targets.ndim > 1 and outputs.shape[:-1] == targets.shape
    if not several or targets.is_floating_point():
        return outputs, targets
    known = targets >= 0
    return outputs[known], targets[known]


def split(batch: Any, /) -> tuple[tuple[Tensor, ...], Tensor]:
    """Inputs and target of a batch.

    Raises:
        UsageError: it is not a tuple of at least two tensors.
    """
    if not isinstance(batch, tuple) or len(batch) < 2:
        raise UsageError("metrics need batches of the form (input, ..., target)")
    return batch[:-1], batch[-1]


def validation(
    objective: Any,
    batches: Batches,
    /,
    *,
    model: nn.Module | None,
    metrics: Mapping[str, Metric],
    device: torch.device,
    precision: str,
    seed: int,
    asked: Callable[[], object] = lambda: None,
    processes: ProcessGroup | None = None,
) -> dict[str, float] | None:
    """The numbers of one validation pass, or None when `asked` says to stop.

    Losses (or what the objective's `validate` gives) are averaged over all examples. The named
    metrics see all outputs and targets: `validate`'s `outputs` if it gives that, else `model`'s
    outputs. The random numbers are the same at each pass. The processes of the group share the
    batches.
    """
    processes = processes or SingleProcess()
    logger, unnoted = MetricLogger(processes=processes), MetricLogger()
    found: list[tuple[int, tuple[Tensor, Tensor]]] = []
    reseed = seeder(device, seed, VALIDATION, others=True)
    with evaluating(objective, *objective.players.values()), torch.no_grad():
        for number, batch in processes.turns(moved(batches.epoch(0, seed=seed), device)):
            if asked():
                return None
            reseed(number or 0)
            with autocast(precision, device):
                outputs = _numbers(objective, batch, unnoted if number is None else logger, number)
                if not metrics:
                    continue
                inputs, target = split(batch)
                if outputs is None:
                    assert model is not None
                    outputs = model(*inputs)
            if number is not None:
                outputs = outputs.float() if outputs.dtype in HALVES.values() else outputs
                found.append((number, (outputs, target)))
    if asked():
        return None
    numbers = logger.end_epoch()
    if metrics:
        pairs = processes.in_order(found)
        if not pairs:
            raise UsageError("there are no batches to validate on")
        answers, targets = zip(*pairs, strict=True)
        all_answers, all_targets = torch.cat(answers).cpu(), torch.cat(targets).cpu()
        numbers |= {
            name: float(metric(all_answers, all_targets)) for name, metric in metrics.items()
        }
    return {f"valid/{name}": value for name, value in numbers.items()}


def _numbers(objective: Any, batch: Any, logger: MetricLogger, number: int | None) -> Tensor | None:
    """Log a batch's losses; return the outputs, if the objective gives them."""
    size = examples(batch)
    check = getattr(objective, "validate", None)
    if check is None:
        for loss in _losses(objective, batch):
            name = "loss" if len(objective.players) == 1 else f"{loss.player}/loss"
            _note(logger, number, name, loss.value, size, loss.weight)
            for key, value in loss.metrics.items():
                _note(logger, number, key, value, size)
        return None
    numbers = dict(check(batch))
    outputs, weight = numbers.pop("outputs", None), numbers.pop("weight", None)
    for key, value in numbers.items():
        _note(logger, number, key, value, size, weight if key == "loss" else None)
    return outputs


def _losses(objective: Any, batch: Any) -> Iterator[Loss]:
    try:
        yield from objective.losses(batch)
    except RuntimeError as error:
        if "does not require grad" not in str(error):
            raise
        raise UsageError(
            f"{type(objective).__name__} differentiates in its losses, and validation runs without "
            "gradients; put that part under torch.enable_grad(), or give it validate(batch)"
        ) from error


def _note(
    logger: MetricLogger,
    number: int | None,
    name: str,
    value: Tensor,
    size: int,
    weights: Tensor | None = None,
) -> None:
    if weights is not None and (total := weights.detach().sum()) > 0:
        mean = (weights.detach() * value.detach()).sum().float() / total
        logger.add(number or 0, name, mean, total, loss=False)
    elif weights is None and value.numel():
        weight = value.numel() if value.ndim else size
        logger.add(number or 0, name, value.detach().float().mean(), weight, loss=False)
