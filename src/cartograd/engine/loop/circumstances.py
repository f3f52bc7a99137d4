"""What the bits of a run depend on besides its options: objective, data, torch, processor.

It is kept in each checkpoint. A run that goes on has to have the same, but for the number of
threads and what multiplies large matrices, which it takes over; where something is not known of a
run from before it was kept, it is not compared.
"""

import os
import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from cartograd import __version__
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batches
from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.inputs.stream import draws
from cartograd.engine.loop.config import RunConfig
from cartograd.engine.loop.described import described, digest
from cartograd.engine.loop.probe import first

VARIABLES = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA",
             "ONEDNN_DEFAULT_FPMATH_MODE", "NVIDIA_TF32_OVERRIDE")  # fmt: skip
"""Variables of the environment that choose between kernels."""
FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16",
            "asimd", "bf16", "sve")  # fmt: skip
"""Features of processors by which torch, MKL and oneDNN choose their kernels."""
UNSEEN = "not looked at"


@runtime_checkable
class Run(Protocol):
    """The parts of a run that are looked at."""

    batches: Batches
    validate: Batches | None
    device: torch.device
    config: RunConfig
    processes: ProcessGroup


class Circumstances:
    """What a run is made of, found when it begins; and compared when it goes on.

    Its `onednn` says whether oneDNN multiplies large matrices, once that has been measured.

    Args:
        loop: of the run.
        objective: what is learned, as it was given.
        metrics: their names.
    """

    def __init__(self, loop: Run, objective: Any, metrics: Sequence[str], /) -> None:
        processes, batches, validate = loop.processes, loop.batches, loop.validate
        self.batches, self.device, self.seed = batches, loop.device, loop.config.seed
        self.alone = processes.size == 1
        together = "1" if self.alone else f"{processes.size} by {processes.mode}"
        self.found: dict[str, Any] = {
            "objective": described(objective),
            "training data": _contents(batches),
            "validation data": {} if validate is None else _contents(validate),
            "metrics": {"names": ", ".join(metrics)},
            "machine": machine(loop.device) | {"processes": together},
        }
        self.threads = torch.get_num_threads()
        self.onednn: bool | None = None
        self.first_batch = UNSEEN

    def saw(self, group: Sequence[Any], /) -> None:
        """Keep the digest of the run's first batch."""
        if self.alone:
            self.first_batch = digest(group[0])

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return self.found | {
            "threads": self.threads, "onednn": self.onednn, "first batch": self.first_batch,
        }  # fmt: skip

    def events(self) -> dict[str, Any]:
        """What the record of a run says of each of its parts."""
        return {"cartograd": __version__, "torch": torch.__version__, "threads": self.threads,
                "device": self.found["machine"]["device"],
                "processes": self.found["machine"]["processes"]}  # fmt: skip

    def resume(self, parts: Mapping[str, Any], origin: str, /, *, exact: bool) -> None:
        """Compare with what a checkpoint holds, and take over its number of threads.

        Raises:
            UsageError: something differs, so that the run would not go on bit for bit, and `exact`
                asks for it.
        """
        before = parts.get("circumstances")
        if not before:
            return
        for part, ours in self.found.items():
            theirs = before[part]
            if part == "training data" and not (ours and theirs):
                continue  # batches of a user's own say nothing: the first one is compared
            for name in [*ours, *(key for key in theirs if key not in ours)]:
                if theirs.get(name) != ours.get(name):
                    told = f"{part} {name}".strip()
                    self._differs(told, theirs.get(name), ours.get(name), origin, exact=exact)
        self.first_batch = before["first batch"]
        if self.first_batch != UNSEEN and self.alone:
            now = digest(first(self.batches, self.device, seed=self.seed))
            if now != self.first_batch:
                told = "training data: digest of the first batch"
                self._differs(told, self.first_batch, now, origin, exact=exact)
        self.onednn = bool(before.get("onednn"))
        if self.threads != before["threads"]:
            self.threads = before["threads"]
            torch.set_num_threads(self.threads)  # `run_context` restores it

    @staticmethod
    def _differs(what: str, theirs: Any, ours: Any, origin: str, *, exact: bool) -> None:
        told = f"{origin} was written with {what}: {theirs}, and this run has {ours}"
        if exact:
            raise UsageError(
                f"{told}, so it would not go on bit for bit; resume with the same, or go on all "
                "the same with exact=False"
            )
        warnings.warn(f"{told}; it does not go on bit for bit", stacklevel=3)


def _contents(batches: Batches) -> dict[str, str]:
    """What our batches and those of a DataLoader say of themselves; others say nothing."""
    return described(batches) if is_dataclass(batches) or draws(batches) else {}


def machine(device: torch.device, /) -> dict[str, str]:
    """The device, the processor's features and the settings of torch that choose kernels."""
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    found = {
        "device": named,
        "processor": f"{platform.machine()} {_processor()}".strip(),
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "precision of products": torch.get_float32_matmul_precision(),
        "number format": str(torch.get_default_dtype()),
    }
    return found | {name: os.environ[name] for name in VARIABLES if name in os.environ}


def _processor() -> str:
    """Maker and features, where Linux tells them: MKL takes other kernels for other makers."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return ""
    lines = {key.strip(): value.strip() for key, _, value in
             (line.partition(":") for line in text.splitlines())}  # fmt: skip
    flags = set((lines.get("flags") or lines.get("Features") or "").split())
    return " ".join([lines.get("vendor_id", ""), *(f for f in FEATURES if f in flags)]).strip()
