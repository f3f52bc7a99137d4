"""Several adapters on one base: in memory once, and each text as if it were alone."""

import json
import shutil

import pytest
import torch

from cartograd.apps.load.adapter_folder import read_adapter
from cartograd.apps.load.target import as_signed
from cartograd.apps.verbs.generate import generate
from cartograd.apps.verbs.shared_base import SharedBase, Wish, named
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.adapters.several import OwnAdapters
from tests.lent_base import SPECS, adapter, base_of, kept

PROMPTS = ["What is one?", "Say two and three and more.", "three", "What is it of which we say no?"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("lent")
    model = base_of()
    base = kept(root, model)
    return base, {name: adapter(root, model, base, name, spec) for name, spec in SPECS.items()}


@pytest.fixture
def lent(folders):
    return SharedBase(*folders)


@pytest.mark.law("lora")
@pytest.mark.law("dora")
def test_texts_of_several_adapters_are_those_of_each_alone(folders, lent):
    base, adapters = folders
    alone = {name: as_signed(path / "adapter") for name, path in adapters.items()}
    alone[None] = as_signed(base)
    names = [None, *adapters]
    wishes = [Wish(p, names[i % 4], 24) for i, p in enumerate([*PROMPTS, *PROMPTS[::-1]])]
    found = lent.generate(wishes)
    for wish, text in zip(wishes, found, strict=True):
        (one,) = generate(alone[wish.adapter], wish.prompt, length=24)
        assert text.tokens == one.tokens
        assert (text.text, text.ended, text.prompt_tokens) == (
            one.text, one.ended, one.prompt_tokens,
        )  # fmt: skip
        assert lent.generate([wish])[0].tokens == text.tokens
    said = {text.tokens for wish, text in zip(wishes, found, strict=True) if wish.prompt == "three"}
    assert len(said) == 2
    mates = lent.generate([Wish("three", name, 24) for name in names])
    assert len({one.tokens for one in mates}) == 4


@pytest.mark.law("lora")
def test_no_adapter_touches_the_rows_of_another(folders, lent):
    """Logits of a row beside others, as merged and alone, step by step and as rows leave."""
    base, adapters = folders
    names = (None, *adapters)
    rows = torch.randint(5, 250, (4, 7), generator=torch.Generator().manual_seed(1))
    inner = lent.writing.model.decoder(4, 12)
    decoder = OwnAdapters(inner, lent._rows, lent._rows.numbers(names))
    merged = [as_signed(base), *(as_signed(path / "adapter") for path in adapters.values())]
    right = torch.cat([one.model(row[None]) for one, row in zip(merged, rows, strict=True)])
    torch.testing.assert_close(decoder.read(rows[:, :5]), right[:, :5], rtol=1e-4, atol=1e-4)
    decoder.reorder(torch.tensor([3, 1]))
    found = decoder.read(rows[[3, 1], 5:6])
    torch.testing.assert_close(found, right[[3, 1], 5:6], rtol=1e-4, atol=1e-4)
    decoder.rewind(5)
    assert decoder.length == 5
    decoder.reorder(torch.tensor([1]))
    found = decoder.read(rows[[1], 5:], last=True)
    torch.testing.assert_close(found, right[[1], 6:], rtol=1e-4, atol=1e-4)


def test_what_is_drawn_depends_on_nobody_else(lent):
    wishes = [Wish(p, name, 16, seed=7) for p, name in zip(PROMPTS, [None, *SPECS], strict=True)]
    heat = [build("temperature:temperature=1.5", kind="token-sampler")]
    together = lent.generate(wishes, samplers=heat)
    alone = [lent.generate([wish], samplers=heat)[0] for wish in wishes]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    other = lent.generate([Wish(PROMPTS[0], None, 16, seed=8)], samplers=heat)
    assert other[0].tokens != together[0].tokens


def test_weights_of_the_base_are_in_memory_once(folders):
    base = as_signed(folders[0])
    lent = SharedBase(base, folders[1])
    own = sum(one.numel() for one in base.parameters())
    parts = {one.untyped_storage().data_ptr(): one for one in lent.writing.signed.parameters()}
    parts |= {one.untyped_storage().data_ptr(): one for one in base.parameters()}
    held = sum(one.untyped_storage().nbytes() // 4 for one in parts.values())
    learned = sum(json.loads((path / "adapter" / "adapter.json").read_text())["parameters"]
                  for path in folders[1].values())  # fmt: skip
    assert held == own + learned
    assert all(one.requires_grad for one in base.parameters())
    tokens = torch.randint(5, 250, (1, 9))
    assert torch.equal(base(tokens), as_signed(folders[0])(tokens))


def test_an_architecture_without_a_faster_form_answers_too(tmp_path):
    model = base_of("gpt:dim=16,depth=1,heads=2,context=96")
    base = kept(tmp_path, model)
    run = adapter(tmp_path, model, base, "ours", "lora:rank=2")
    lent = SharedBase(base, {"ours": run})
    found = lent.generate([Wish("one", "ours", 12), Wish("one and two", None, 12)])
    for text, target in zip(found, (run / "adapter", base), strict=True):
        assert text.tokens == generate(target, text.prompt, length=12)[0].tokens


def test_adapters_that_cannot_share_a_base_are_refused(folders, tmp_path):
    base, adapters = folders
    with pytest.raises(UsageError, match="holds no adapter; expected a run that was trained with"):
        SharedBase(base, {"it": tmp_path})
    model = as_signed(base)
    with torch.no_grad():
        next(iter(model.parameters())).add_(1)
    with pytest.raises(UsageError, match="has other weights"):
        SharedBase(model, adapters)
    small = adapter(tmp_path, as_signed(base), base, "small", "qlora:rank=2")
    with pytest.raises(UsageError, match="has a base of four bits, so it shares no base"):
        SharedBase(base, {"small": small})
    damaged = shutil.copytree(adapters["ours"], tmp_path / "damaged")
    (damaged / "adapter" / "adapter.safetensors").write_bytes(b"")
    with pytest.raises(UsageError, match=r"adapter\.safetensors"):
        SharedBase(base, {"damaged": damaged})
    lent = SharedBase(base, {"ours": adapters["ours"]})
    for wish, why in (
        (Wish("one", "our"), "unknown adapter 'our'"),
        (Wish("one " * 200), "tokens and the context of"),
        (Wish("one", None, 0), "length=0 is out of range"),
    ):
        with pytest.raises(UsageError, match=why):
            lent.generate([wish])
    with pytest.raises(UsageError, match="some texts are sampled and others greedy"):
        lent.generate([Wish("one"), Wish("one", seed=1)])
    with pytest.raises(UsageError, match="needs a name of its own"):
        named(["runs/ours", "other/ours/adapter"])
    assert read_adapter(adapters["ours"] / "adapter", as_signed)


@pytest.mark.parametrize(
    "model",
    [
        "gpt:dim=16,depth=1,heads=2,context=96",
        "decoder:dim=16,depth=2,heads=2,ffn_dim=24,context=96",
        "recurrent-language-model:dim=8",
    ],
)
def test_texts_that_come_and_go_are_those_of_each_alone(tmp_path, model):
    base = base_of(model)
    own = {"ours": adapter(tmp_path, base, kept(tmp_path, base), "ours", "lora:rank=2")}
    lent = SharedBase(base, own)
    wishes = [Wish(p, (None, "ours")[n % 2], 6 + 4 * n, n or None) for n, p in enumerate(PROMPTS)]
    texts, found = lent.texts(), [[] for _ in wishes]
    for wish in wishes:
        for new in (texts.join(lent.request(wish)), *texts.step()):
            found[new.number].append(new.token)
    while len(texts):
        for new in texts.step():
            found[new.number].append(new.token)
    assert found == [list(lent.generate([wish])[0].tokens) for wish in wishes]
