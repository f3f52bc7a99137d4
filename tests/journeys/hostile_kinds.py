"""What Cartograd reads: small whole files of each kind, and what reads them (see `hostile.py`)."""

import base64
import gzip
import io
import json
import wave
import zipfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image

from cartograd.apps.load import runs
from cartograd.apps.load.source import dataset
from cartograd.apps.report.origin import origin_of
from cartograd.apps.server.decode import decode
from cartograd.apps.server.refusal import RefusalError
from cartograd.apps.verbs.diagnose import diagnose
from cartograd.apps.verbs.plan import planned
from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained.gguf import gguf
from cartograd.architectures.pretrained.pickled import pickled
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.files import write_manifest
from cartograd.core.ports import Column, Port, Signature
from cartograd.data.decode.images import pixels
from cartograd.data.decode.table_files import read_table
from cartograd.data.sources.fashion_mnist import fashion_mnist
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.engine.files.tensor_files import read_tensors, write_tensors
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants
from tests.journeys import hostile_published, hostile_work
from tests.journeys.hostile import Kind

ROWS = "age,town,price,when\n" + "".join(
    f"{20 + i % 30},{('Bonn', 'Oslo', 'Rome')[i % 3]},{i * 1.5:.2f},2024-0{1 + i % 9}-11\n"
    for i in range(40)
)
TEXT = "".join(f"The {n}. cat sat on the mat and looked at the dog.\n" for n in range(80))
PAIRS = "".join(f"the cat {n} sat\tdie Katze {n} sass\n" for n in range(60))


def table(folder: Path) -> None:
    import openpyxl
    import pyarrow
    from pyarrow import parquet

    (folder / "a.csv").write_text(ROWS)
    (folder / "b.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
    header, *rows = [line.split(",") for line in ROWS.splitlines()]
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    book.save(folder / "c.xlsx")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    parquet.write_table(pyarrow.table(columns), folder / "d.parquet")
    lines = [json.dumps(dict(zip(header, row, strict=True))) for row in rows]
    (folder / "e.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "f.tsv").write_bytes(ROWS.replace(",", "\t").encode("utf-16"))
    (folder / "g.xlsx").write_bytes(unpressed((folder / "c.xlsx").read_bytes()))


def unpressed(book: bytes) -> bytes:
    """A workbook whose sheets lie in it as they are, so that damage reaches them."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as packed, zipfile.ZipFile(made, "w") as plain:
        for name in packed.namelist():
            plain.writestr(name, packed.read(name))
    return made.getvalue()


def read_tables(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        read_table(file)
        dataset(f"csv:{file},target=town")


def pictures(folder: Path) -> None:
    for number in range(12):
        place = folder / ("light", "dark")[number % 2]
        place.mkdir(exist_ok=True)
        image = Image.fromarray(np.full((6, 6, 3), 20 * number, np.uint8))
        end = ("png", "jpg", "gif", "tif", "bmp", "webp", "ppm")[number % 7]
        image.save(place / f"{number}.{end}")


def read_pictures(folder: Path) -> None:
    for file in sorted(folder.rglob("*.*")):
        try:
            pixels(file, channels=3, height=6, width=6)
        except UsageError:
            continue
    dataset(f"folder:{folder},size=6")


def sounds(folder: Path) -> None:
    for number in range(16):
        place = folder / ("high", "low")[number % 2]
        place.mkdir(exist_ok=True)
        with wave.open(str(place / f"{number}.wav"), "wb") as file:
            file.setnchannels(1), file.setsampwidth(2), file.setframerate(8000)
            wave_ = np.sin(np.arange(800) / (5 + 20 * (number % 2))) * 10_000
            file.writeframes(wave_.astype("<i2").tobytes())
        if number >= 8:
            end = ("flac", "ogg")[number // 2 % 2]
            soundfile.write(place / f"{number}x.{end}", wave_ / 2**15, 8000)


def bundle(folder: Path) -> None:
    ports = (Port("row", "table", (5,), columns=(
        Column("age", mean=40.0, std=10.0, indicator=True),
        Column("town", categories=("Bonn", "Oslo", "Rome")))),)  # fmt: skip
    answer = (Port("class", "label", (3,), labels=("a", "b", "c")),)
    model = build("mlp:widths=[4]", kind="model", signature=Signature(ports, answer))
    examples = torch.randn(8, 5)
    about = {"data": "csv", "settings": {"epochs": 1}, "baseline": "no"}
    value = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}
    write_bundle(folder / "bundle", model, examples=examples, about=about, metrics=value)


def seal(folder: Path) -> None:
    """The manifest is that of the damaged files: what a hostile sender would do."""
    for manifest in folder.rglob("manifest.json"):
        manifest.unlink()
        write_manifest(manifest.parent)


def read_bundle(folder: Path) -> None:
    found = load(folder / "bundle")
    predict(found.model, [{"age": "41", "town": "Oslo"}])
    origin_of(folder)


def text_bundle(folder: Path) -> None:
    (folder / "a.txt").write_text(TEXT)
    data = dataset(f"text:{folder / 'a.txt'},window=8")
    model = build("gpt:dim=8,depth=1,heads=1", kind="model", signature=data.signature)
    model.tokenizer = data.tokenizer
    write_bundle(folder / "bundle", model, examples=data.test.select(range(4)).arguments)


def read_text_bundle(folder: Path) -> None:
    predict(load(folder / "bundle").model, "the cat")


def run(folder: Path) -> None:
    x, y = quadrants(40)
    model = mlp(2, 4, 2)
    fit(Supervised(model), Toy(x, y), validate=Toy(x, y), epochs=2, folder=folder / "run")
    (folder / "plan.toml").write_text(
        'model = "mlp:widths=[4]"\ndata = "moons:examples=60"\nepochs = 2\nbatch_size = 8\n'
        'optimizer = "sgd:lr=0.1"\nlayer_decay = 0.9\nseed = 3\ndeterministic = false\n'
        'groups = "*.bias:weight_decay=0"\nkeep = "last=2"\nclip = 1.0\naugment = []\n'
        .replace("augment = []\n", "")
    )  # fmt: skip


def read_run(folder: Path) -> None:
    runs.listed(folder)
    runs.look(folder / "run")
    diagnose(folder / "run")


def resume_run(folder: Path) -> None:
    x, y = quadrants(40)
    model = mlp(2, 4, 2)
    fit(Supervised(model), Toy(x, y), validate=Toy(x, y), epochs=2, folder=folder / "run",
        resume=True)  # fmt: skip


def read_plan(folder: Path) -> None:
    planned(None, None, config=folder / "plan.toml", meta=True)


def tensors(folder: Path) -> None:
    made = {"a": torch.randn(3, 4), "b": torch.arange(5), "c": torch.ones(2, dtype=torch.bfloat16)}
    write_tensors(folder / "a.safetensors", made | {"d": made["a"]})
    torch.save(made, folder / "a.pt")
    torch.save(made, folder / "b.pt", _use_new_zipfile_serialization=False)


def read_all_tensors(folder: Path) -> None:
    read_tensors(folder / "a.safetensors")
    pickled(folder / "a.pt")
    pickled(folder / "b.pt")


def texts(folder: Path) -> None:
    (folder / "a.txt").write_text(TEXT)
    (folder / "pairs.txt").write_text(PAIRS)


def labelled(folder: Path) -> None:
    """Texts with labels: in folders, in a column, in JSON lines."""
    said = [f"this {n}. film was {('good', 'bad')[n % 2]} for me" for n in range(40)]
    for number, text in enumerate(said):
        place = folder / "texts" / ("good", "bad")[number % 2]
        place.mkdir(exist_ok=True, parents=True)
        (place / f"{number}.txt").write_text(text)
    rows = [(text, ("good", "bad")[n % 2]) for n, text in enumerate(said)]
    (folder / "a.csv").write_text("said,stars\n" + "".join(f'"{a}",{b}\n' for a, b in rows))
    lines = [json.dumps({"said": a, "stars": b}) for a, b in rows]
    (folder / "b.jsonl").write_text("\n".join(lines))


def read_labelled(folder: Path) -> None:
    dataset(f"text-folder:{folder / 'texts'},vocabulary=300")
    for name in ("a.csv", "b.jsonl"):
        dataset(f"csv:{folder / name},target=stars,text=said,vocabulary=300")


def read_texts(folder: Path) -> None:
    dataset(f"text:{folder / 'a.txt'},window=8")
    dataset(f"pairs:{folder / 'pairs.txt'}")


def idx(folder: Path) -> None:
    for stem, count in (("train", 70), ("t10k", 12)):
        images, labels = bytes(16 * count), bytes(n % 10 for n in range(count))
        sizes = b"".join(n.to_bytes(4, "big") for n in (count, 4, 4))
        for name, rank, content in (
            (f"{stem}-images-idx3-ubyte", 3, sizes + images),
            (f"{stem}-labels-idx1-ubyte", 1, sizes[:4] + labels),
        ):
            packed = gzip.compress(bytes([0, 0, 8, rank]) + content)
            (folder / f"{name}.gz").write_bytes(packed)


def read_idx(folder: Path) -> None:
    fashion_mnist(folder)


def requests(folder: Path) -> None:
    row = {"inputs": [{"age": "41", "town": "Oslo"}, {"age": 3, "town": None}], "top": 2}
    (folder / "row.body").write_text(json.dumps(row))
    (folder / "image.body").write_text(json.dumps({"inputs": [[[[0.5, 1], [0, 0.25]]]]}))
    picture = Path(folder) / "a.png"
    Image.new("L", (2, 2), 9).save(picture)
    packed = base64.b64encode(picture.read_bytes()).decode()
    (folder / "packed.body").write_text(json.dumps({"inputs": [{"base64": packed}]}))
    (folder / "text.body").write_text(json.dumps({"inputs": ["the cat"], "top": 1}))


def read_requests(folder: Path) -> None:
    age, town = Column("age", mean=4.0, std=1.0), Column("town", categories=("Bonn", "Oslo"))
    ports = {
        "row": Port("row", "table", (3,), columns=(age, town)),
        "image": Port("image", "image", (1, 2, 2), bounds=(0.0, 1.0)),
        "packed": Port("image", "image", (1, 2, 2), bounds=(0.0, 1.0)),
    }
    try:
        for name, port in ports.items():
            decode(
                port, "application/json", (folder / f"{name}.body").read_bytes(), most=8, draws=8
            )
        decode(ports["image"], "image/png", (folder / "a.png").read_bytes(), most=8, draws=8)
    except RefusalError as error:  # an answer of 4xx with its line
        raise UsageError(str(error)) from error


def gguf_file(folder: Path) -> None:
    from tests.architectures.pretrained.test_gguf import toy

    toy(folder / "a.gguf")
    toy(folder / "b.gguf", kind="Q8_0", family="qwen2")


def read_gguf(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        predict(gguf(file), "The capital")


KINDS = {
    "table": Kind(table, ("*",), read_tables),
    "pictures": Kind(pictures, ("*/*",), read_pictures),
    "sounds": Kind(sounds, ("*/*",), lambda folder: dataset(f"wav:{folder}")),
    "bundle": Kind(bundle, ("bundle/*",), read_bundle, seal),
    "unsealed": Kind(bundle, ("bundle/*",), read_bundle),
    "text bundle": Kind(text_bundle, ("bundle/*.json",), read_text_bundle, seal),
    "run": Kind(run, ("run/*.*",), read_run),
    "checkpoint": Kind(run, ("run/*.*", "run/checkpoints/*/*"), resume_run, seal),
    "plan": Kind(run, ("plan.toml",), read_plan),
    "tensors": Kind(tensors, ("*",), read_all_tensors),
    "texts": Kind(texts, ("*",), read_texts),
    "labelled": Kind(labelled, ("*.*", "texts/*/*"), read_labelled),
    "idx": Kind(idx, ("*",), read_idx),
    "requests": Kind(requests, ("*",), read_requests),
    "gguf": Kind(gguf_file, ("*",), read_gguf),
    **hostile_published.KINDS,
    **hostile_work.KINDS,
}
"""Every reader."""
