"""Folders of PEFT on a shared base: PEFT's own answers, beside adapters of ours."""

import pytest
import torch

from cartograd.apps.verbs.export import export
from cartograd.apps.verbs.export_adapter import PARTS, _named, export_adapter, theirs
from cartograd.apps.verbs.generate import generate
from cartograd.apps.verbs.shared_base import SharedBase, Wish
from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.pretrained.published_folder import tensors_of
from cartograd.core.errors import UsageError
from cartograd.training.adapters.several import OwnAdapters
from tests.architectures.pretrained.published_folders import write
from tests.lent_base import SPECS, adapter, base_of, kept
from tests.reference import Reference

transformers, peft = Reference("transformers"), Reference("peft", quiet=True)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:peft")

MODEL = "llama:dim=16,depth=2,heads=4,kv_heads=2,ffn_dim=24,context=96"

SETTINGS = {
    "plain": {"target_modules": ["q_proj", "down_proj"], "lora_alpha": 6,
              "alpha_pattern": {"1.self_attn.q_proj": 2}, "rank_pattern": {"down_proj": 1}},
    "rooted": {"target_modules": "all-linear", "use_rslora": True},
    "turned": {"target_modules": ["v_proj", "gate_proj"], "use_dora": True},
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A base in our form and in Hugging Face's, adapters of PEFT, and one of ours."""
    root = tmp_path_factory.mktemp("peft")
    model = base_of(MODEL)
    base = kept(root, model)
    export(model, root / "hf", to="huggingface")
    for number, (name, settings) in enumerate(SETTINGS.items()):
        made(root / "hf", root / name, number, **settings)
    return root, base, adapter(root, model, base, "ours", SPECS["ours"])


def made(base, folder, seed, **settings):
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    model = peft.get_peft_model(model, peft.LoraConfig(r=3, task_type="CAUSAL_LM", **settings))
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.copy_(0.3 * torch.randn_like(weight))
    model.save_pretrained(folder)


@pytest.mark.oracle("lora")
def test_each_row_answers_as_peft_does(folders):
    root, base, ours = folders
    lent = SharedBase(base, {name: root / name for name in SETTINGS} | {"ours": ours})
    names = [*SETTINGS, "ours", None]
    rows = torch.randint(5, 250, (5, 7), generator=torch.Generator().manual_seed(1))
    inner = lent.writing.model.decoder(5, 12)
    found = OwnAdapters(inner, lent._rows, lent._rows.numbers(names)).read(rows)
    for name, row, own in zip(SETTINGS, rows, found, strict=False):
        model = transformers.AutoModelForCausalLM.from_pretrained(root / "hf")
        with torch.no_grad():
            bare = model(row[None]).logits[0]
            right = peft.PeftModel.from_pretrained(model, root / name).eval()(row[None]).logits[0]
        torch.testing.assert_close(own, right, rtol=1e-4, atol=1e-4)
        assert (right - bare).abs().max() > 0.1
    text = lent.generate([Wish("one", "ours", 12)])[0]
    assert text.tokens == generate(ours / "adapter", "one", length=12)[0].tokens


def test_what_is_exported_is_the_adapter_it_was(folders, tmp_path):
    _, base, ours = folders
    export_adapter(ours / "adapter", tmp_path / "back")
    lent = SharedBase(base, {"ours": ours, "back": tmp_path / "back"})
    one, other = lent.generate([Wish("What is one?", name, 24) for name in ("ours", "back")])
    assert one.tokens == other.tokens


def test_what_cannot_lie_beside_others_is_refused(folders, tmp_path):
    root, base, _ = folders
    made(root / "hf", tmp_path / "words", 0, target_modules=["embed_tokens"])
    with pytest.raises(UsageError, match=r"embed_tokens.*, which is no dense layer, so it shares"):
        SharedBase(base, {"it": tmp_path / "words"})
    made(root / "hf", tmp_path / "whole", 0, target_modules=["q_proj"], modules_to_save=["lm_head"])
    with pytest.raises(UsageError, match=r"lm_head.*, which is no dense layer"):
        SharedBase(base, {"it": tmp_path / "whole"})
    other = kept(tmp_path, base_of("llama:dim=24,depth=2,heads=4,ffn_dim=24,context=96"))
    with pytest.raises(UsageError, match=r"and \(16, 1\); expected \(1, 24\) and \(24,"):
        SharedBase(other, {"it": root / "plain"})
    short = kept(tmp_path / "short", base_of("llama:dim=16,depth=1,heads=4,ffn_dim=24,context=96"))
    with pytest.raises(UsageError, match=r"layers\.1\..* which is no dense layer of its own"):
        SharedBase(short, {"it": root / "plain"})
    (tmp_path / "whole" / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"holds no adapter_model\.safetensors"):
        SharedBase(base, {"it": tmp_path / "whole"})


def test_a_square_matrix_that_is_turned_is_no_layer_of_theirs(tmp_path):
    """GPT-2's folders keep matrices the other way round: a square one's shape does not tell."""
    base = hf(write("gpt2", tmp_path))
    names, file = theirs(base), tensors_of(tmp_path)
    state = base.model.state_dict()
    square = state["blocks.0.attention.out.weight"]
    assert square.shape == square.T.shape
    assert "blocks.0.attention.out" not in names
    assert len(names) > 4
    for own, other in names.items():
        assert torch.equal(state[f"{own}.weight"], file[f"{other}.weight"])
    with pytest.raises(UsageError, match=r"changes blocks\.0\.attention\.out, whose weight stands"):
        _named(tmp_path, {"blocks.0.attention.out.adapter.up": square}, names, PARTS["lora"])
