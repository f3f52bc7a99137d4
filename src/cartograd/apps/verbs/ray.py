"""Ray as a launcher: the same `train` in each of its workers, which form one process group.

Ray starts the workers, wherever they are, and begins again with the newest checkpoint when one is
lost. All else is what `--nproc` does. Needs `pip install cartograd[ray]`, and a folder that all
machines see; packages of your own (`--import`) have to be installed on each of them.
"""

# pyright: reportMissingImports=false
# Ray is an extra that the checks of this code do without.

import socket
from pathlib import Path
from typing import Any

from cartograd.core import plugins
from cartograd.core.errors import UsageError

SECONDS = 5.0
"""How long an address may take to answer."""


def on_ray(
    address: str, given: dict[str, Any], /, *, folder: Path, workers: int, retries: int = 3
) -> Path:
    """Train on a Ray cluster, or on one that is started here; the run folder.

    Args:
        address: `ray` for a cluster on this machine, or `ray://HOST:PORT`.
        given: the arguments of `cartograd.train` besides folder, resume and progress.
        folder: the run folder, on a disk that all workers see.
        workers: how many processes share the work.
        retries: how often to begin again after a worker was lost.

    Raises:
        UsageError: Ray is not installed, the address does not answer, or training failed.
    """
    _check(address)
    try:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError as error:
        raise UsageError("Ray is not installed; pip install 'cartograd[ray]'") from error
    if not ray.is_initialized():
        if address == "ray":
            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        else:
            ray.init(address)
    trainer = TorchTrainer(
        work,
        train_loop_config=given | {"folder": str(folder.resolve()), "imports": plugins.used()},
        torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(num_workers=workers),
        run_config=RunConfig(
            name=folder.name,
            storage_path=str(folder.resolve().parent / ".ray"),
            failure_config=FailureConfig(max_failures=retries),
        ),
    )
    try:
        trainer.fit()
    except Exception as error:  # Ray wraps the exceptions of workers
        text = str(error).strip().split("\n")[-1]
        raise UsageError(f"training on Ray failed: {text.rpartition('UsageError: ')[2]}") from error
    finally:
        if address == "ray":
            ray.shutdown()
    return folder


def work(given: dict[str, Any]) -> None:
    """The work of each worker: train, or resume from the newest checkpoint."""
    from cartograd.apps.verbs.train import train

    plugins.use(*given.get("imports", ()))
    folder = Path(given["folder"])
    begun = any((folder / "checkpoints").glob("step-*"))
    settings = {
        key: value
        for key, value in given.items()
        if key not in ("model", "data", "folder", "imports")
    }
    if begun:
        train(folder=folder, resume=True, **settings)
    else:
        train(given["model"], given["data"], folder=folder, **settings)


def _check(address: str) -> None:
    if address == "ray":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not address.startswith("ray://") or not host or not port.isdigit():
        raise UsageError(f"--on {address} is no address; expected ray or ray://HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS).close()
    except OSError as error:
        raise UsageError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); start one with "
            "`ray start --head`, or train on this machine with --on ray"
        ) from error
