"""Folders of PEFT: LoRA put into its model gives PEFT's own answers, or is refused by name."""

import json
from types import SimpleNamespace

import pytest
import torch

import cartograd as cg
from cartograd.apps.load.pretrained import kept
from cartograd.architectures.pretrained.hf import hf
from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer
from tests.architectures.pretrained.published_folders import same_logits, theirs, write
from tests.commands import command
from tests.reference import Reference

peft = Reference("peft", quiet=True)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:peft")

SETTINGS = {
    "bert": {"target_modules": ["query", "dense", "word_embeddings"], "task_type": "SEQ_CLS",
             "lora_alpha": 6, "alpha_pattern": {"1.attention.self.query": 2},
             "rank_pattern": {"pooler.dense": 2}},
    "gpt2": {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True,
             "use_rslora": True},
    "vit": {"target_modules": "all-linear", "bias": "lora_only", "modules_to_save": ["classifier"]},
    "bert by dora": {"target_modules": ["query", "dense"], "task_type": "SEQ_CLS", "use_dora": True,
                     "lora_alpha": 6, "alpha_pattern": {"1.attention.self.query": 2},
                     "layers_to_transform": [1], "layers_pattern": "layer"},
    "gpt2 by dora": {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True,
                     "use_dora": True, "use_rslora": True, "init_lora_weights": "gaussian"},
    "vit by dora": {"target_modules": ["query", "projection"], "use_dora": True,
                    "rank_pattern": {"projection": 1}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "cache"))


def adapter(base, folder, **settings):
    """An adapter of random numbers on a model; and PEFT's own model."""
    other = theirs(base)
    model = peft.get_peft_model(other.model, peft.LoraConfig(r=3, **settings))
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.copy_(0.3 * torch.randn_like(weight))
    model.save_pretrained(folder)
    return SimpleNamespace(model=model.eval(), tokenizer=other.tokenizer)


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", SETTINGS)
def test_it_answers_as_peft_does(kind, tmp_path):
    settings, kind = SETTINGS[kind], kind.split()[0]
    base = write(kind, tmp_path / "base")
    other = adapter(base, tmp_path / "lora", **settings)
    mine = hf(tmp_path / "lora")
    same_logits(mine, other, base)
    x = torch.rand(2, 3, 8, 8) if kind == "vit" else torch.randint(2, 20, (2, 6))
    assert (mine(x) - hf(base)(x)).abs().max() > 0.1, "the changes matter"


def test_a_head_of_another_task_comes_with_the_adapter(tmp_path):
    """A masked language model and a classifier learned on it: the usual case."""
    base = write("bert", tmp_path / "base")
    adapter(base, tmp_path / "lora", **SETTINGS["bert"])
    said = json.loads((base / "config.json").read_text())
    said = {k: v for k, v in said.items() if k not in ("id2label", "label2id")}
    (base / "config.json").write_text(json.dumps(said | {"architectures": ["BertForMaskedLM"]}))
    found = hf(tmp_path / "lora").signature.output
    assert (found.task, found.labels) == ("classify", ("LABEL_0", "LABEL_1", "LABEL_2"))


def test_its_model_is_looked_for_and_may_be_told(tmp_path):
    base, folder = write("bert", tmp_path / "base"), tmp_path / "lora"
    adapter(base, folder, **SETTINGS["bert"])
    first = kept(f"hf:{folder}").path
    moved = base.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"which is no folder here; .* hf:.*lora,onto=FOLDER"):
        hf(folder)
    assert kept(f"hf:{folder},onto={moved}").path != first
    other = write("bert", tmp_path / "other", num_hidden_layers=1)
    with pytest.raises(UsageError, match=r"no such tensor; is this the adapter's own model"):
        hf(folder, onto=str(other))
    with pytest.raises(UsageError, match="is for an adapter of PEFT"):
        hf(moved, onto=str(moved))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"peft_type": "IA3"}, "unknown peft_type 'IA3'; expected one of: LORA"),
        ({"lora_bias": True}, "lora_bias=true is a form of LoRA that is not known here; merge it"),
        ({"use_bdlora": {"nblocks": 2}}, "use_bdlora=.* is a form of LoRA that is not known here"),
        ({"layer_replication": [[0, 2]]}, "layer_replication=.* is a form of LoRA that is not"),
        ({"trainable_token_indices": [3]}, "trainable_token_indices=.* is a form of LoRA that is"),
        ({"init_lora_weights": "pissa_niter_4"}, 'weights="pissa_niter_4" took its beginning out'),
        (
            {"init_lora_weights": "olora"},
            r"path_initial_model_for_weight_conv.*, or merge",
        ),
        ({"target_parameters": ["experts.up"]}, "changes tensors that are no layers, such as"),
        ({"task_type": "TOKEN_CLS"}, None),
    ],
)
def test_other_methods_are_refused_by_name(tmp_path, more, said):
    base, folder = write("bert", tmp_path / "base"), tmp_path / "lora"
    adapter(base, folder, **SETTINGS["bert"])
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | more))
    if said is None:
        assert hf(folder).signature.output.task == "tag"
        return
    with pytest.raises(UsageError, match=said):
        hf(folder)


def test_a_matrix_that_reads_and_scores_is_refused(tmp_path):
    base = write("gpt2", tmp_path / "base")
    adapter(base, tmp_path / "lora", target_modules=["wte"])
    with pytest.raises(UsageError, match=r"wte\.weight, by which the model also scores tokens"):
        hf(tmp_path / "lora")


def test_may_an_adapter_replace_its_model(tmp_path, capsys, monkeypatch):
    """By the command, with texts that both read."""
    monkeypatch.chdir(tmp_path)
    base = write("bert", tmp_path / "base")
    adapter(base, tmp_path / "lora", **SETTINGS["bert"])
    rows = ["text,label", *(f"the cat sat {'on the mat ' * (i % 3)},bad" for i in range(9))]
    (tmp_path / "texts.csv").write_text("\n".join([*rows, "who,fair", "is there,good"]))
    assert Tokenizer.from_folder(base).vocabulary
    run = command(capsys, monkeypatch)
    done = run("replace", "base", "lora", "--data", "texts.csv", "--target", "label",
               "--margin", "accuracy=5%", "--part", "all", "--json")  # fmt: skip
    found = json.loads(done.out)
    assert found["b"]["kind"] == "Hugging Face folder"
    assert found["parting"]["stage"].startswith("layer ")
    assert cg.replace(base, base, tmp_path / "texts.csv", margin="accuracy=30%").changes == ()
