"""What Cartograd is asked for: settings, sizes and requests (see `hostile.py`)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from cartograd.apps.load.source import dataset
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load
from cartograd.apps.verbs.train import train
from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.errors import UsageError
from cartograd.core.ports import Column, Port, Signature
from cartograd.core.spec import Spec
from cartograd.engine.logging.view import View
from tests.journeys.hostile import Kind

SETTINGS = """\
model = "mlp:widths=[4]"
data = "moons:examples=64,noise=0.1"
objective = "classify:label_smoothing=0.1"
optimizer = "adamw:lr=0.01,weight_decay=0.1"
schedule = "cosine:warmup=2"
epochs = 2
batch_size = 16
accumulate = 2
clip = 1.0
seed = 3
average = "ema:decay=0.9"
layer_decay = 0.9
groups = "*.bias:weight_decay=0"
keep = "last=2"
save_every = 2
log_every = 1
patience = 3
monitor = "valid/accuracy"
class_weights = "balanced"
precision = "float32"
"""

GENERATED = (
    "adding",
    "copying",
    "digit-lines",
    "gaussians",
    "moons",
    "separable",
    "spirals",
    "xor",
)
"""Sources that make as many examples as they are told."""


def settings(folder: Path) -> None:
    (folder / "plan.toml").write_text(SETTINGS)


def read_settings(folder: Path) -> None:
    """Train by the settings; many epochs are the user's wish, and end at once here."""
    train(config=folder / "plan.toml", folder=folder / "run", callbacks=[Short()])


class Short:
    """Ends a run after a few steps."""

    def on_step(self, view: View) -> None:
        if view.step >= 12:
            view.stop()


@cache
def asked() -> dict[str, dict[str, Any]]:
    """Every method of data that is made and of models, with all of its numbers."""
    found: dict[str, dict[str, Any]] = {}
    for card in registry.cards().values():
        if card.kind == "model" or (card.kind == "data" and card.name in GENERATED):
            numbers = {
                name: item.default
                for name, item in hyperparameters(card).items()
                if isinstance(item.default, int | float | list | tuple)
            }
            small = {} if card.kind == "model" else {"examples": 20}
            found[f"{card.kind} {card.name}"] = numbers | small | dict(card.tiny)
    return found


def sizes(folder: Path) -> None:
    for name, args in asked().items():
        (folder / f"{name}.json").write_text(json.dumps(args))


def read_sizes(folder: Path) -> None:
    """Make what was changed."""
    for file in folder.iterdir():
        kind, _, name = file.stem.partition(" ")
        try:
            args = json.loads(file.read_text())
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{file} is no JSON") from error
        if not isinstance(args, dict) or args == json.loads(json.dumps(asked()[file.stem])):
            continue
        spec = Spec(name, {key: _spec(value) for key, value in args.items()})
        dataset(spec) if kind == "data" else build(spec, kind="model")


def _spec(value: Any) -> Any:
    return tuple(map(_spec, value)) if isinstance(value, list) else value


TOWNS = ("Bonn", "Oslo")
AGE, TOWN = Column("age", mean=4.0, std=1.0), Column("town", categories=TOWNS)
ROW = Port("row", "table", (3,), columns=(AGE, TOWN))
ANSWER = Port("class", "label", (2,), labels=("a", "b"), task="classify")


def http(folder: Path) -> None:
    rows = json.dumps({"inputs": [{"age": "41", "town": "Oslo"}, {"age": 3, "town": None}]})
    plain = {"content-type": "application/json", "content-length": str(len(rows))}
    for number, (method, path, headers, body) in enumerate((
        ("POST", "/predict", plain, rows),
        ("POST", "/predict?top=1", plain | {"content-encoding": "identity"}, rows),
        ("GET", "/signature", {"accept": "*/*"}, ""),
        ("POST", "/predict", {"content-type": "text/csv"}, "age,town\n41,Oslo\n,Bonn\n"),
    )):  # fmt: skip
        said = {"method": method, "path": path, "headers": headers, "body": body}
        (folder / f"{number}.json").write_text(json.dumps(said))


def read_http(folder: Path) -> None:
    """Send each request; no answer is a bug's (500), and a refusal is a line."""
    model = build("mlp:widths=[4]", kind="model", signature=Signature((ROW,), (ANSWER,)))
    app = application(load(model))
    with TestClient(app, raise_server_exceptions=False) as client:
        for file in sorted(folder.iterdir()):
            try:
                said = json.loads(file.read_text())
                asked = client.build_request(
                    said["method"], said["path"], headers=said["headers"], content=str(said["body"])
                )
                told = client.send(asked)
            except Exception:  # what the client itself cannot send
                continue
            assert told.status_code < 500, (told.status_code, told.text)
            if told.status_code >= 400:
                line = told.json()["error"]
                assert len(line.strip().splitlines()) == 1, line


KINDS = {
    "settings": Kind(settings, ("*.toml",), read_settings),
    "sizes": Kind(sizes, ("*.json",), read_sizes),
    "http": Kind(http, ("*.json",), read_http),
}
"""Every way to ask for something."""
