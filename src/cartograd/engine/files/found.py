"""Where a bundle is, and that every byte of it is as it was written."""

import json
from pathlib import Path

from cartograd.core.errors import UsageError
from cartograd.core.files import check_manifest
from cartograd.core.paths import is_there


def found(path: Path, /) -> Path:
    """The folder of a bundle: a path itself, or the bundle in the run that it is.

    Raises:
        UsageError: there is none; what there is instead.
    """
    for folder in (path, path / "bundle") if is_there(path) else ():
        if (folder / "manifest.json").exists() and (folder / "signature.json").exists():
            return folder
    if not is_there(path):
        raise UsageError(f"{path} does not exist; expected a bundle or a run folder")
    if (path / "config.json").exists():
        raise UsageError(f"{path} is a folder as Hugging Face keeps them; name it hf:{path}")
    run = (path / "events.jsonl").exists()
    more = f"; `cartograd runs show {path}` says how this one ended" if run else ""
    if (path / "best" / "manifest.json").exists():
        more = f"; that of the best model stands in {path / 'best'}"
    raise UsageError(
        f"{path} holds no bundle; expected a bundle, or the folder of a run that has finished{more}"
    )


def verified(folder: Path, /) -> str:
    """The manifest's BLAKE3, after every file of the folder was compared with it.

    Raises:
        UsageError: a byte was changed, or a file was added.
    """
    digest = check_manifest(folder)
    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    present = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    strange = sorted(present - set(listed) - {"manifest.json"})
    if strange:
        raise UsageError(f"{folder}: {strange[0]!r} is not in the manifest: it was added later")
    return digest
