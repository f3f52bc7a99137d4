"""Initialising torch's process group, and noticing that a process is gone."""

import atexit
import os
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from cartograd.core.errors import UsageError
from cartograd.engine.distributed.parent import end_with_parent

JOIN_SECONDS = 120
"""How long to wait for the other processes at the start."""

_control: list[Any] = []
"""The group for control messages, on the CPU, once it is made."""


class LostError(UsageError):
    """Another process of the run is gone; its own message says why."""


def join(place: torch.device, /) -> None:
    """Initialise the process group, once.

    Raises:
        UsageError: the environment does not say where, or they do not come.
    """
    if dist.is_initialized():
        return
    end_with_parent()
    missing = [key for key in ("RANK", "WORLD_SIZE") if key not in os.environ]
    file = os.environ.get("CARTOGRAD_STORE")
    if file is None:
        missing += [key for key in ("MASTER_ADDR", "MASTER_PORT") if key not in os.environ]
    if missing:
        raise UsageError(
            f"WORLD_SIZE says that there are several processes, and {' and '.join(missing)} is "
            "not set; start them with torchrun, or with cartograd train --nproc N"
        )
    if place.type not in ("cpu", "cuda"):
        raise UsageError(f"several processes need device cpu or cuda, not {place.type}")
    _check_gpus(place, together=file is not None or "TORCHELASTIC_RUN_ID" in os.environ)
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo",
            init_method="env://" if file is None else f"file://{file}",
            rank=int(os.environ["RANK"]),
            world_size=int(os.environ["WORLD_SIZE"]),
            timeout=timedelta(seconds=JOIN_SECONDS),
            device_id=own_device(place) if place.type == "cuda" else None,
        )
    except (RuntimeError, ValueError) as error:
        _leave()
        reason = str(error).split("\n")[0]
        raise LostError(f"the processes of this run did not find each other: {reason}") from error
    atexit.register(_leave)


def _check_gpus(place: torch.device, *, together: bool) -> None:
    """NCCL wants a GPU for each process; those that were started `together` see all of a machine.

    Raises:
        UsageError: there are fewer.
    """
    number = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
    if place.type == "cuda" and together and number > (there := torch.cuda.device_count()):
        gpus = f"{there} GPU" + ("s" if there > 1 else "")
        raise UsageError(
            f"{number} processes want a GPU each and this machine has {gpus}; take {there} "
            "(--nproc), or device=cpu"
        )


def _leave() -> None:
    if dist.is_initialized():
        _control.clear()
        dist.destroy_process_group()


def control() -> Any:
    """A group whose messages go through the CPU, so that no device has to wait for them."""
    if _control and _control[0][0] is dist.group.WORLD:
        return _control[0][1]
    on_cpu = "gloo" in str(dist.get_backend_config())
    group = dist.group.WORLD if on_cpu else dist.new_group(backend="gloo")
    _control[:] = [(dist.group.WORLD, group)]
    return group


def own_device(place: torch.device, /) -> torch.device:
    """The GPU of this process, where the run is on GPUs."""
    if place.type != "cuda" or place.index is not None:
        return place
    number = int(os.environ.get("LOCAL_RANK", dist.get_rank() if dist.is_initialized() else 0))
    device = torch.device("cuda", number % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


def lost(error: RuntimeError, /) -> bool:
    """Whether an error says that another process is gone."""
    words = ("gloo/", "Connection closed", "Connection reset", "NCCL", "Socket", "store")
    return isinstance(error, dist.DistError) or any(word in str(error) for word in words)
