import pytest
import torch
from PIL import Image

from cartograd.apps.load.answering import as_answered
from cartograd.core.errors import UsageError
from cartograd.data.sources.captions import captions

TEXTS = ("a dark one", "A light one", "浅色")


def written(folder, table="metadata.csv", count=40):
    """Grey pictures, and what they are."""
    folder.mkdir(exist_ok=True)
    lines = ["file_name,text"]
    for i in range(count):
        Image.new("L", (4, 4), i * 2).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{TEXTS[i % 3]}")
    (folder / table).write_text("\n".join(lines), encoding="utf-8")
    return folder


def subject(folder):
    """A folder of pictures with captions."""
    return (written(folder / "pictures"),), {}


@pytest.mark.place("diffusion/latent")
@pytest.mark.law("captions")
def test_pictures_and_captions_come_back_together(tmp_path):
    data = captions(written(tmp_path), context=5)
    names = set()
    for part in (data.train, data.valid, data.test):
        for i, name in enumerate(part.names):
            number = int(name.removesuffix(".png"))
            assert part.stored[i].eq(number * 2).all()
            text = data.tokenizer.decode(part.stored_targets[i].tolist())
            assert text.replace(" ", "") == TEXTS[number % 3].lower().replace(" ", "")
        names |= set(part.names)
    assert len(names) == 40
    told = as_answered(data, "latent-diffusion", None)
    assert [port.name for port in told.signature.inputs] == ["noise", "text"]
    noise, tokens, x = next(iter(told.train.batches(batch_size=4).epoch(0, seed=0)))
    assert (noise.shape, tokens.shape, x.shape) == ((4, 1, 4, 4), (4, 5), (4, 1, 4, 4))
    place = next(n for n in range(len(data.train)) if torch.equal(data.train.inputs[n], x[0]))
    assert torch.equal(data.train.targets[place], tokens[0])
    plain = as_answered(data, "ddpm", None)
    assert [port.name for port in plain.signature.inputs] == ["noise"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: (f / "metadata.csv").unlink(), {}, "holds no metadata.csv"),
        (lambda f: (f / "3.png").unlink(), {}, "line 5: there is no picture '3.png'"),
        (lambda f: (f / "3.png").write_text("no"), {}, "3.png"),
        (lambda f: None, {"context": 2}, "has 3 words; expected at most context=2"),
        (lambda f: None, {"text": "captoin"}, "captoin"),
        (lambda f: (f / "metadata.csv").write_text("a,b\n1,2"), {}, "none called 'file_name'"),
        (
            lambda f: (f / "metadata.csv").write_text("file_name,text\n1.png,\n2.png,x"), {},
            "'1.png' has no caption",
        ),
    ],
)  # fmt: skip
def test_other_folders_are_refused(tmp_path, change, options, message):
    change(written(tmp_path))
    with pytest.raises(UsageError) as refused:
        captions(tmp_path, **options)
    assert message in str(refused.value)
