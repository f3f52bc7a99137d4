"""The run folder: everything that is known of one training run, in plain files.

config.toml     the options, under [origin] where each came from, and under [chosen] what the
run chose for itself
metrics.jsonl   one line per epoch (and some 50 points of the losses in between); the same
run writes the same bytes
events.jsonl    what happened when: started, epoch, checkpoint, interrupted, finished
checkpoints/    see `cartograd.engine.checkpoint.storage`
bundle/         see `cartograd.engine.files.bundle`
"""

import errno
import json
import math
import os
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from cartograd.core import plugins, system
from cartograd.core.errors import UsageError
from cartograd.core.files import flush, write_file
from cartograd.core.locks import FolderLock
from cartograd.core.paths import is_there
from cartograd.core.spec import Spec
from cartograd.engine.logging.records import check_records


def new_run(root: str | Path, stem: str, /) -> Path:
    """Make the next free folder `root/stem-1`, `root/stem-2`, ...

    Raises:
        UsageError: it cannot be made.
    """
    root, number = Path(root), 1
    stem = system.named(stem) if system.WINDOWS else stem
    while True:
        path = root / f"{stem}-{number}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise UsageError(f"cannot make {path}: {error.strerror or error}") from error
        else:
            return path


def made(path: Path, /) -> Path:
    """A folder, made with those above it.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {path}: {error.strerror or error}") from error
    return path


class RunFolder:
    """The files of a run while it is written.

    Args:
        path: the folder; made if it is not there.
        resume: go on with the run that is in it; otherwise it must hold none.

    Raises:
        UsageError: the folder holds a run and `resume` is false, another process trains into it,
            or it cannot be written.
    """

    def __init__(self, path: str | Path, /, *, resume: bool = False):
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path} is a file; a run needs a folder")
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from error
        try:
            self._lock = FolderLock(self.path, marked=True)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from error
        if is_run(self.path) and not resume:
            self.close()
            said = f"{self.path} holds a run already; resume it, or choose another folder"
            raise UsageError(said)
        try:
            self._drop_half_line(self.path / "events.jsonl")
        except OSError as error:
            self.close()
            raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Let others write the folder."""
        self._lock.close()

    def event(self, kind: str, /, **details: Any) -> None:
        """Add a line to `events.jsonl`, with the time."""
        note(self.path, kind, **details)

    def metrics_size(self) -> int:
        """How many bytes `metrics.jsonl` has."""
        path = self.path / "metrics.jsonl"
        return path.stat().st_size if path.exists() else 0

    def sync_metrics(self) -> None:
        """Make sure that the disk has `metrics.jsonl` as it is."""
        path = self.path / "metrics.jsonl"
        if path.exists():
            flush(path)

    def cut_metrics(self, size: int, /) -> None:
        """Remove what was written to `metrics.jsonl` after a checkpoint.

        Raises:
            UsageError: the file is shorter than it was then.
        """
        path = self.path / "metrics.jsonl"
        have = path.stat().st_size if path.exists() else 0
        if have < size:
            raise UsageError(f"{path} was cut short: {have} bytes, {size} at the checkpoint")
        if have > size:
            os.truncate(path, size)

    @staticmethod
    def _drop_half_line(path: Path) -> None:
        """Remove what a killed process left of its last line."""
        if path.exists():
            os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


def note(path: Path, kind: str, /, **details: Any) -> None:
    """Add a line to the `events.jsonl` of a run folder, with the time."""
    append(path / "events.jsonl", {"time": round(time.time(), 3), "event": kind} | details)


def is_run(path: Path, /) -> bool:
    """Whether a folder holds a run that has started."""
    if not is_there(path):
        return False
    return (path / "events.jsonl").exists() or any((path / "checkpoints").glob("step-*"))


def write_config(
    path: str | Path, values: Mapping[str, Any], origins: Mapping[str, str], /
) -> Path:
    """Write `config.toml`: each value, and under `[origin]` where it came from.

    Packages of users whose methods the values name are noted as `imports`.

    Args:
        path: the run folder.
        values: options by name; None (not given) is left out, as TOML has no word for it.
        origins: e.g. `{"epochs": "flag", "lr": "default"}`.
    """
    kept = {key: _plain(value) for key, value in values.items() if value is not None}
    imports = plugins.needed(kept)
    named = {"imports": imports} if imports else {}
    origin = {key: origins[key] for key in kept if key in origins}
    text = tomli_w.dumps(named | kept | {"origin": origin})
    return write_file(Path(path) / "config.toml", text)


def update_config(path: str | Path, values: Mapping[str, Any], /) -> dict[str, list[Any]]:
    """Note in a run's `config.toml` what it goes on with otherwise; what it was and is, by name.

    Args:
        path: the run folder.
        values: options by name; those that the file does not have are added where they are given.
    """
    file = Path(path) / "config.toml"
    kept = _toml(file)
    changed: dict[str, list[Any]] = {}
    for key, value in values.items():
        before, now = kept.get(key), None if value is None else _plain(value)
        if before != now:
            changed[key] = [before, now]
            kept.get("origin", {}).pop(key, None)
            kept.pop(key, None)
            if now is not None:
                kept = {key: now} | kept
                kept["origin"] = kept.get("origin", {}) | {key: "flag"}
    if changed:
        write_file(file, tomli_w.dumps(kept))
    return changed


def _toml(file: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises:
        UsageError: it is missing or not TOML.
    """
    try:
        made = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error
    for name in ("origin", "chosen"):
        if not isinstance(made.get(name, {}), dict):
            raise UsageError(f"{file}: {name} is no table of values; expected [{name}]")
    if not isinstance(made.get("imports", []), list):
        raise UsageError(f"{file}: imports is no list of packages")
    return made


def read_config(path: str | Path, /) -> tuple[dict[str, Any], dict[str, str]]:
    """The values and origins of a `config.toml`, or of the run folder that holds one.

    Raises:
        UsageError: it is missing or not TOML.
    """
    path = Path(path)
    values = _toml(path / "config.toml" if path.is_dir() else path)
    for key in ("chosen", "imports"):
        values.pop(key, None)
    return values, values.pop("origin", {})


def read_imports(path: str | Path, /) -> list[str]:
    """The packages of users whose methods a `config.toml` (or the run that holds one) names."""
    path = Path(path)
    return _toml(path / "config.toml" if path.is_dir() else path).get("imports", [])


def write_chosen(path: str | Path, chosen: Mapping[str, Any], /) -> None:
    """Add what a run chose for itself to its `config.toml`, under `[chosen]`."""
    file = Path(path) / "config.toml"
    values = _toml(file) if file.exists() else {}
    values["chosen"] = values.get("chosen", {}) | dict(chosen)
    write_file(file, tomli_w.dumps(values))


def read_chosen(path: str | Path, /) -> dict[str, Any]:
    """The settings that a run chose: precision, memory format, threads."""
    file = Path(path) / "config.toml"
    return _toml(file).get("chosen", {})


def read_lines(path: str | Path, /) -> list[dict[str, Any]]:
    """The records of a `.jsonl` file; none if it is missing. A half-written last line is left out.

    Raises:
        UsageError: another line is not JSON, or says something of another type.
    """
    path = Path(path)
    if not path.exists():
        return []
    try:
        lines = path.read_bytes().decode().split("\n")
        records = [json.loads(line) for line in lines[:-1]]
    except (ValueError, RecursionError, OSError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error
    check_records(records, path)
    return records


_ENCODER = json.JSONEncoder(ensure_ascii=False)
"""Made once: `json.dumps` would make one for each line."""


def append(path: Path, *records: Mapping[str, Any]) -> None:
    """A line each, complete when the call returns; numbers that JSON cannot hold become null."""
    lines = "".join(_ENCODER.encode(_finite(record)) + "\n" for record in records)
    content = lines.encode()
    try:
        # One write, so that lines of two threads do not mix and a kill leaves at most a half line.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if os.write(file, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _finite(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }


def _plain(value: Any) -> Any:
    """A value as TOML types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Path | Spec):
        return str(value)
    return value if isinstance(value, bool | int | float | str) else str(value)
