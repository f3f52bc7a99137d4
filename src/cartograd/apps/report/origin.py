"""What is known of how a model came to be: from a run folder, a bundle, or nothing at all."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cartograd.apps.answers.writer import architecture
from cartograd.apps.load.runs import Speed, grids_of, history_of, speed_of
from cartograd.apps.load.target import Target
from cartograd.core import registry
from cartograd.core.files import check_manifest, hashed
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.files.documents import document
from cartograd.engine.logging.run_folder import is_run, read_config, read_lines
from cartograd.engine.loop.fit import Run


@dataclass(frozen=True)
class Origin:
    """How a model came to be.

    Attributes:
        about: what its bundle says: data, source, settings, versions.
        digest: BLAKE3 of the bundle's manifest, or of an ONNX file.
        history: a record per epoch.
        stopped: why training ended before its last epoch, if it did.
        settings: each setting's value and where it came from.
        speed: where the time went.
        grids: files of the pictures that it drew while it learned, by epoch.
        place: the run or bundle, as a command takes it; None where there is none.
    """

    about: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)
    stopped: str | None = None
    settings: dict[str, tuple[Any, str]] = field(default_factory=dict)
    speed: Speed = field(default_factory=Speed)
    grids: list[Path] = field(default_factory=list)
    place: Path | None = None

    @property
    def data(self) -> str:
        """What it was trained on: the spec's name, or the name of its file or folder.

        >>> Origin({"data": "csv:files/people.csv,target=income"}).data
        'people'
        """
        if "data" not in self.about:
            return ""
        spec = Spec.parse(self.about["data"])
        return Path(spec.subject).stem if spec.subject else spec.name


def origin_of(target: Target, /) -> Origin:
    """What there is to know; a module in memory has no history. The model is not built.

    Raises:
        UsageError: the target is a path without a bundle, or a byte of it was changed.
    """
    folder = _folder(target)
    if folder is None:
        return Origin()
    if folder.is_file():  # an ONNX file
        return Origin(digest=hashed(folder))
    bundle = folder / "bundle" if (folder / "bundle").is_dir() else folder
    digest = check_manifest(bundle)
    about = document(bundle, "about")
    if bundle.name != "bundle" or not is_run(bundle.parent):
        return Origin(about, digest, place=bundle)
    events = read_lines(bundle.parent / "events.jsonl")
    ended = [event for event in events if event["event"] == "finished"]
    values, origins = read_config(bundle.parent)
    return Origin(
        about,
        digest,
        history_of(bundle.parent, events),
        ended[-1].get("stopped") if ended else None,
        {key: (value, origins.get(key, "")) for key, value in values.items()},
        speed_of(events),
        grids_of(bundle.parent),
        bundle.parent,
    )


def _folder(target: Target) -> Path | None:
    if isinstance(target, Run):
        return target.folder
    if isinstance(target, Bundle):
        return target.path
    return Path(target) if isinstance(target, str | Path) else None


def title_of(model: Signed, data: str, /) -> str:
    """Model and data as a heading: the card's title, or the class of a foreign module."""
    name = type(model.model).__name__
    if (spec := architecture(model)) is not None:
        card, _ = registry.find(spec.name, kind="model")
        name = card.title
    return f"{name} on {data}" if data else name
