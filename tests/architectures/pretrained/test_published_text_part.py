"""A Gemma 3 that sees, too, gives the language model that it is made of."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from cartograd.architectures.pretrained.hf import hf
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import change
from tests.reference import Reference

transformers = Reference("transformers")

TEXT = {
    "vocab_size": 37, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "head_dim": 6, "query_pre_attn_scalar": 9, "sliding_window": 5, "sliding_window_pattern": 3,
    "pad_token_id": None, "rope_parameters": {
        "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    },
}  # fmt: skip
EYES = {
    "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2,
    "image_size": 8, "patch_size": 4, "model_type": "siglip_vision_model",
}  # fmt: skip
LEFT = "of pictures, too: its language model is read, and 34 tensors of its vision tower"


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = transformers.Gemma3Config(
        text_config=TEXT, vision_config=EYES, mm_tokens_per_image=4, boi_token_index=5,
        eoi_token_index=6, image_token_index=7, eos_token_id=[1, 3], bos_token_id=2,
    )  # fmt: skip
    config._attn_implementation = "eager"
    made = transformers.Gemma3ForConditionalGeneration(config).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made


@pytest.fixture
def folder(model, tmp_path):
    model.save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("names", ["published", "in memory"])
def test_the_logits_are_those_of_transformers(model, folder, names):
    """Under the names of published files, and of those that other programs save from memory."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    assert "language_model.model.embed_tokens.weight" in tensors
    if names == "in memory":
        tensors = {
            f"model.{name.replace('language_model.model.', 'language_model.')}": tensor
            for name, tensor in tensors.items()
        }
        save_file(tensors, file, metadata={"format": "pt"})
    tokens = torch.randint(8, 37, (2, 20))
    with pytest.warns(UserWarning, match=LEFT):
        ours = hf(folder)
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), model(tokens).logits, rtol=0, atol=1e-4)
    assert ours.spec.args["scaling"] == "linear:factor=8.0"


@pytest.mark.filterwarnings("ignore:.* is a model of pictures, too")
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"text_config": 3}, "text_config=3 cannot be; expected an object"),
        ({"text_config": {"model_type": "llama"}}, 'text_config: model_type="llama" is not under'),
        (
            {"architectures": ["Gemma3Model"]},
            r'architectures=\["Gemma3Model"\] is a form of gemma3',
        ),
        ({"something_new": 1}, "something_new=1 is not understood for gemma3_text"),
        ({"text_config": TEXT | {"use_bidirectional_attention": True}}, "use_bidirectional_atten"),
    ],
)
def test_what_is_said_else_is_refused_by_name(folder, changed, told):
    with pytest.raises(UsageError, match=told):
        hf(change(folder, **changed))
