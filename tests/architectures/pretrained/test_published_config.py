"""Ten keys of each family, changed one at a time: equal to transformers, or refused by name."""

import pytest
import torch
from safetensors.torch import load_file

from cartograd.architectures.pretrained import published_config
from cartograd.architectures.pretrained.hf import families, hf
from cartograd.architectures.pretrained.published_back import folder_of
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import MODELS, both, change, write
from tests.reference import Reference

transformers = Reference("transformers")

LABELS = {"0": "a", "1": "b", "2": "c"}
ROPE = {"rope_theta": 10000.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8}
LONG = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}

CHANGES = {
    "bert": {
        "hidden_act": "relu",
        "layer_norm_eps": 1e-5,
        "type_vocab_size": 3,
        "position_embedding_type": "relative_key",
        "is_decoder": True,
        "pad_token_id": 5,
        "num_attention_heads": 4,
        "problem_type": "multi_label_classification",
        "hidden_dropout_prob": 0.5,
        "attention_probs_dropout_prob": 0.9,
        "id2label": {"0": "a", "1": "a", "2": "b"},
        "num_labels": 5,
        "chunk_size_feed_forward": 2,
        "something_new": 1,
    },
    "bert masked": {
        "tie_word_embeddings": False,
        "add_cross_attention": True,
        "hidden_act": "gelu_new",
        "num_attention_heads": 8,
        "layer_norm_eps": 1e-7,
        "use_cache": False,
        "problem_type": "regression",
        "pad_token_id": None,
        "quantization_config": {"quant_method": "bitsandbytes"},
        "torch_dtype": "float16",
    },
    "bert tags": {"id2label": LABELS | {"2": "a"}, "problem_type": "regression"},
    "distilbert": {
        "activation": "relu", "sinusoidal_pos_embds": True, "tie_weights_": True,
        "pad_token_id": 5,
        "n_heads": 4,
        "attention_dropout": 0.9,
        "seq_classif_dropout": 0.5,
        "problem_type": "multi_label_classification",
        "id2label": {"0": "a", "1": "a", "2": "b"},
        "num_labels": 5,
        "something_new": 1,
    },
    "distilbert masked": {"tie_word_embeddings": False},
    "roberta": {
        "hidden_act": "relu",
        "layer_norm_eps": 1e-3,
        "type_vocab_size": 3,
        "position_embedding_type": "relative_key",
        "is_decoder": True,
        "pad_token_id": 5,
        "num_attention_heads": 4,
        "classifier_dropout": 0.5,
        "problem_type": "regression",
        "num_labels": 5,
        "something_new": 1,
    },
    "roberta masked": {"tie_word_embeddings": False, "add_cross_attention": True},
    "xlm-roberta": {
        "hidden_act": "relu",
        "layer_norm_eps": 1e-3,
        "type_vocab_size": 3,
        "is_decoder": True,
        "pad_token_id": 5,
        "num_attention_heads": 4,
        "problem_type": "regression",
        "num_labels": 5,
        "architectures": ["RobertaForSequenceClassification"],
        "something_new": 1,
    },
    "deberta-v2": {
        "relative_attention": False,
        "share_att_key": False,
        "position_biased_input": True,
        "norm_rel_ebd": "none",
        "position_buckets": -1,
        "pooler_hidden_size": 8,
        "pos_att_type": "c2p|p2c",
        "pos_att_type ": ["c2p"],
        "max_relative_positions": 32,
        "max_relative_positions ": 16,
        "conv_kernel_size": 3,
        "type_vocab_size": 2,
        "hidden_act": "relu",
        "layer_norm_eps": 1e-3,
        "pooler_hidden_act": "tanh",
        "problem_type": "multi_label_classification",
    },
    "deberta-v2 masked": {"legacy": False, "tie_word_embeddings": False},
    "electra": {
        "hidden_act": "relu",
        "layer_norm_eps": 1e-3,
        "type_vocab_size": 3,
        "is_decoder": True,
        "pad_token_id": 5,
        "num_attention_heads": 4,
        "summary_type": "mean",
        "classifier_dropout": 0.5,
        "problem_type": "regression",
        "num_labels": 5,
        "something_new": 1,
    },
    "electra masked": {"tie_word_embeddings": False, "add_cross_attention": True},
    "modernbert": {
        "classifier_pooling": "mean",
        "classifier_pooling ": "max",
        "local_attention": 2,
        "layer_types": ["sliding_attention", "full_attention"],
        "layer_types ": ["full_attention"],
        "rope_parameters": {"full_attention": ROPE, "sliding_attention": {"rope_theta": 50.0}},
        "rope_parameters ": {"full_attention": ROPE | {"rope_type": "linear", "factor": 2.0}},
        "norm_eps": 1e-3,
        "norm_bias": True,
        "attention_bias": True,
        "hidden_activation": "relu",
        "num_attention_heads": 4,
        "problem_type": "multi_label_classification",
    },
    "modernbert masked": {"tie_word_embeddings": False, "decoder_bias": False},
    "gpt2": {
        "activation_function": "relu",
        "activation_function ": "gelu_new",
        "scale_attn_weights": False,
        "scale_attn_by_inverse_layer_idx": True,
        "layer_norm_epsilon": 1e-3,
        "tie_word_embeddings": False,
        "n_head": 4,
        "n_inner": 64,
        "reorder_and_upcast_attn": True,
        "resid_pdrop": 0.7,
        "add_cross_attention": True,
        "eos_token_id": 5,
        "rope_theta": 100.0,
    },
    "gpt2 classes": {
        "pad_token_id": None,
        "problem_type": "regression",
        "summary_type": "mean",
        "n_head": 8,
        "id2label": {"0": "a", "2": "b", "3": "c"},
    },
    "openai-gpt": {
        "afn": "relu",
        "layer_norm_epsilon": 1e-3,
        "tie_word_embeddings": False,
        "n_head": 4,
        "n_inner": 32,
        "resid_pdrop": 0.6,
        "attn_pdrop": 0.6,
        "summary_type": "mean",
        "eos_token_id": [1, 5],
        "predict_special_tokens": False,
        "scale_attn_weights": False,
    },
    "llama": {
        "hidden_act": "gelu",
        "rms_norm_eps": 1e-3,
        "rope_parameters": ROPE | {"rope_type": "dynamic", "factor": 2.0},
        "rope_scaling": {"type": "linear", "factor": 4.0},
        "rope_theta": 100.0,
        "attention_bias": True,
        "mlp_bias": True,
        "head_dim": 4,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
        "sliding_window": 3,
        "partial_rotary_factor": 0.5,
        "pretraining_tp": 2,
        "eos_token_id": [7, 8],
    },
    "llama classes": {
        "problem_type": "multi_label_classification",
        "pad_token_id": 5,
        "num_attention_heads": 4,
        "tie_word_embeddings": True,
    },
    "mistral": {
        "sliding_window": None,
        "sliding_window ": 2,
        "head_dim": 16,
        "attention_bias": True,
        "rope_parameters": ROPE | {"rope_type": "linear", "factor": 2.0},
        "rope_parameters ": ROPE | {"rope_type": "longrope", "factor": 2.0},
        "num_attention_heads": 4,
        "rms_norm_eps": 1e-2,
        "max_position_embeddings": 16,
        "attention_dropout": 0.5,
        "layer_types": ["full_attention", "sliding_attention"],
        "hidden_act": "relu",
    },
    "qwen2": {
        "use_sliding_window": True,
        "max_window_layers": 1,
        "sliding_window": 3,
        "layer_types": ["full_attention", "sliding_attention"],
        "head_dim": 16,
        "rope_theta": 50.0,
        "rope_parameters": ROPE | {"rope_type": "yarn", "factor": 4.0,
                                   "original_max_position_embeddings": 8},
        "rope_parameters ": ROPE | {"rope_type": "yarn", "factor": 4.0, "mscale": 0.7},
        "tie_word_embeddings": True,
        "rms_norm_eps": 1e-3,
        "num_key_value_heads": 2,
        "attention_bias": False,
        "mlp_bias": True,
    },
    "qwen3": {
        "use_sliding_window": True,
        "max_window_layers": 1,
        "sliding_window": 3,
        "layer_types": ["full_attention", "sliding_attention"],
        "head_dim": 4,
        "rope_theta": 50.0,
        "rope_parameters": ROPE | YARN,
        "rope_parameters ": ROPE | YARN | {"mscale": 0.7, "mscale_all_dim": 0.5},
        "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8},
        "tie_word_embeddings": True,
        "rms_norm_eps": 1e-3,
        "attention_bias": True,
        "mlp_bias": True,
        "hidden_act": "gelu",
    },
    "qwen3 classes": {"problem_type": "multi_label_classification", "head_dim": 8},
    "qwen3_moe": {
        "norm_topk_prob": True,
        "num_experts_per_tok": 1,
        "decoder_sparse_step": 2,
        "mlp_only_layers": [1],
        "shared_expert_intermediate_size": 10,
        "use_sliding_window": True,
        "head_dim": 4,
        "rope_theta": 50.0,
        "router_aux_loss_coef": 0.5,
        "output_router_logits": True,
        "layer_types": ["full_attention", "sliding_attention"],
        "hidden_act": "gelu",
    },
    "gemma2": {
        "attn_logit_softcapping": 2.0,
        "attn_logit_softcapping ": None,
        "final_logit_softcapping": 3.0,
        "final_logit_softcapping ": None,
        "query_pre_attn_scalar": 4,
        "layer_types": ["full_attention", "sliding_attention"],
        "layer_types ": ["full_attention", "chunked_attention"],
        "sliding_window": 2,
        "hidden_activation": "gelu",
        "hidden_act": "gelu_pytorch_tanh",
        "cache_implementation": "hybrid",
        "use_bidirectional_attention": True,
        "rms_norm_eps": 1e-3,
        "tie_word_embeddings": False,
    },
    "gemma3_text": {
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 3.0,
        "query_pre_attn_scalar": 4,
        "layer_types": ["full_attention", "full_attention"],
        "sliding_window": 2,
        "rope_parameters": {
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e3},
        },
        "rope_parameters ": {
            "full_attention": {"rope_type": "default", "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e3},
        },
        "hidden_activation": "relu",
        "use_bidirectional_attention": True,
        "attention_bias": True,
        "vision_config": {"depth": 3},
    },
    "phi3": {
        "rope_parameters": ROPE | LONG,
        "rope_parameters ": ROPE | LONG | {"long_factor": [1.0]},
        "rope_parameters  ": ROPE | LONG | {"short_mscale": 1.2},
        "rope_scaling": LONG | {"type": "su"},
        "partial_rotary_factor": 0.5,
        "original_max_position_embeddings": 8,
        "sliding_window": 3,
        "resid_pdrop": 0.3,
        "auto_map": {"AutoModel": "code.Model"},
        "hidden_act": "gelu",
        "tie_word_embeddings": True,
        "attention_bias": True,
    },
    "smollm3": {
        "no_rope_layers": [0, 1],
        "no_rope_layers ": [1],
        "no_rope_layers  ": [True, "no"],
        "no_rope_layer_interval": 1,
        "use_sliding_window": True,
        "sliding_window": 3,
        "attention_bias": True,
        "mlp_bias": True,
        "rope_theta": 50.0,
        "tie_word_embeddings": False,
        "pretraining_tp": 2,
    },
    "olmo2": {
        "attention_bias": True,
        "clip_qkv": 8.0,
        "rope_parameters": ROPE | {"rope_type": "linear", "factor": 2.0},
        "num_attention_heads": 4,
        "rms_norm_eps": 1e-2,
        "tie_word_embeddings": True,
        "hidden_act": "gelu",
        "sliding_window": 3,
        "attention_dropout": 0.5,
        "mlp_bias": True,
    },
    "mixtral": {
        "num_experts_per_tok": 1,
        "sliding_window": 3,
        "head_dim": 4,
        "router_jitter_noise": 0.1,
        "router_aux_loss_coef": 0.5,
        "rope_theta": 50.0,
        "hidden_act": "gelu",
        "attention_bias": True,
        "tie_word_embeddings": True,
        "rms_norm_eps": 1e-2,
    },
    "gpt_oss": {
        "swiglu_limit": 1.0,
        "swiglu_alpha": 2.0,
        "sliding_window": 2,
        "layer_types": ["full_attention", "full_attention"],
        "num_experts_per_tok": 1,
        "experts_per_token": 1,
        "initial_context_length": 4096,
        "quantization_config": {"quant_method": "fp8"},
        "attention_bias": False,
        "rope_parameters": ROPE | YARN,
        "hidden_act": "gelu",
        "attention_sinks": 4,
    },
    "t5": {
        "feed_forward_proj": "gated-silu",
        "relative_attention_num_buckets": 16,
        "relative_attention_max_distance": 64,
        "layer_norm_epsilon": 1e-3,
        "num_decoder_layers": 1,
        "scale_decoder_outputs": False,
        "decoder_start_token_id": 7,
        "is_encoder_decoder": False,
        "d_kv": 4,
        "dropout_rate": 0.5,
        "eos_token_id": 9,
        "num_heads": 4,
    },
    "t5 encoder": {"feed_forward_proj": "gated-silu", "num_decoder_layers": 1, "num_heads": 4},
    "t5 classes": {
        "problem_type": "multi_label_classification", "classifier_dropout": 0.5,
        "id2label": LABELS | {"2": "a"}, "decoder_start_token_id": 7, "eos_token_id": [3, 9],
        "num_decoder_layers": 1,
    },
    "t5 answers": {"decoder_start_token_id": 7},
    "mt5": {
        "feed_forward_proj": "gated-silu", "relative_attention_num_buckets": 16,
        "relative_attention_max_distance": 64, "layer_norm_epsilon": 1e-3,
        "num_decoder_layers": 1, "scale_decoder_outputs": True, "tie_word_embeddings": False,
        "decoder_start_token_id": 7, "is_encoder_decoder": False, "d_kv": 4, "dropout_rate": 0.5,
        "num_heads": 4, "something_new": 1,
    },
    "umt5": {
        "feed_forward_proj": "gated-silu", "relative_attention_num_buckets": 16,
        "relative_attention_max_distance": 64, "layer_norm_epsilon": 1e-3, "num_decoder_layers": 1,
        "something_new": 1, "scalable_attention": True, "is_encoder_decoder": False, "num_heads": 4,
        "d_kv": 4,
    },
    "bart": {
        "activation_function": "relu", "scale_embedding": True, "normalize_before": True,
        "add_final_layer_norm": True, "static_position_embeddings": True,
        "extra_pos_embeddings": 3, "decoder_layers": 3, "decoder_attention_heads": 4,
        "decoder_ffn_dim": 12, "encoder_layerdrop": 0.5, "decoder_start_token_id": 7,
        "eos_token_id": 9, "is_decoder": True, "is_encoder_decoder": False,
        "tie_word_embeddings": False, "dropout": 0.6, "encoder_attention_heads": 4,
        "something_new": 1,
    },
    "bart classes": {
        "problem_type": "multi_label_classification", "classifier_dropout": 0.5,
        "id2label": LABELS | {"2": "a"}, "decoder_start_token_id": 5, "eos_token_id": [3, 9],
    },
    "vit": {
        "hidden_act": "relu",
        "layer_norm_eps": 1e-3,
        "qkv_bias": False,
        "patch_size": 2,
        "image_size": 16,
        "hidden_dropout_prob": 0.4,
        "num_attention_heads": 4,
        "problem_type": "multi_label_classification",
        "encoder_stride": 4,
        "pooler_act": "relu",
        "intermediate_size": 32,
        "id2label": LABELS | {"1": "a"},
    },
    "whisper": {
        "activation_function": "relu",
        "scale_embedding": True,
        "encoder_ffn_dim": 32,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "max_source_positions": 10,
        "num_mel_bins": 8,
        "use_weighted_layer_sum": True,
        "dropout": 0.7,
        "tie_word_embeddings": False,
        "apply_spec_augment": True,
    },
}  # fmt: skip
"""For each kind of folder keys and other values; a blank behind a key tells two values apart."""

REFUSED = """
bert/hidden_act bert/layer_norm_eps bert/type_vocab_size bert/position_embedding_type
bert/is_decoder bert/pad_token_id bert/id2label bert/num_labels bert/chunk_size_feed_forward
bert/something_new bert_masked/tie_word_embeddings bert_masked/add_cross_attention
bert_masked/hidden_act bert_masked/layer_norm_eps bert_masked/quantization_config
bert_tags/id2label distilbert/activation distilbert/pad_token_id distilbert/id2label
distilbert/something_new distilbert_masked/tie_word_embeddings roberta/hidden_act
roberta/position_embedding_type roberta/is_decoder roberta/pad_token_id roberta/something_new
roberta_masked/tie_word_embeddings roberta_masked/add_cross_attention
deberta-v2/relative_attention deberta-v2/share_att_key deberta-v2/position_biased_input
deberta-v2/position_buckets deberta-v2/pooler_hidden_size
deberta-v2/norm_rel_ebd deberta-v2/pos_att_type_ deberta-v2/max_relative_positions_
deberta-v2/conv_kernel_size deberta-v2/type_vocab_size deberta-v2/hidden_act
deberta-v2/pooler_hidden_act deberta-v2_masked/legacy deberta-v2_masked/tie_word_embeddings
electra/hidden_act electra/is_decoder electra/pad_token_id electra/something_new
electra_masked/tie_word_embeddings electra_masked/add_cross_attention
gpt2/activation_function gpt2/scale_attn_weights
gpt2/scale_attn_by_inverse_layer_idx gpt2/layer_norm_epsilon gpt2/tie_word_embeddings
gpt2/add_cross_attention gpt2/rope_theta gpt2_classes/id2label
openai-gpt/afn openai-gpt/layer_norm_epsilon openai-gpt/tie_word_embeddings openai-gpt/n_inner
llama/hidden_act llama/mlp_bias
llama/sliding_window llama/partial_rotary_factor llama_classes/pad_token_id
mistral/attention_bias mistral/rope_parameters_ mistral/layer_types mistral/hidden_act
xlm-roberta/hidden_act xlm-roberta/is_decoder xlm-roberta/pad_token_id
xlm-roberta/architectures xlm-roberta/something_new modernbert/classifier_pooling_
modernbert/layer_types_ modernbert/rope_parameters_ modernbert/norm_bias
modernbert/attention_bias modernbert/hidden_activation modernbert_masked/tie_word_embeddings
modernbert_masked/decoder_bias
qwen2/layer_types qwen2/mlp_bias qwen3/layer_types qwen3/mlp_bias qwen3/hidden_act
qwen3_moe/shared_expert_intermediate_size qwen3_moe/layer_types qwen3_moe/hidden_act
gemma2/layer_types_ gemma2/hidden_activation gemma2/use_bidirectional_attention
gemma3_text/rope_parameters_ gemma3_text/attn_logit_softcapping gemma3_text/hidden_activation
gemma3_text/use_bidirectional_attention gemma3_text/vision_config
phi3/rope_parameters_ phi3/rope_parameters__ phi3/hidden_act phi3/attention_bias
smollm3/no_rope_layers_ smollm3/no_rope_layers__ smollm3/mlp_bias
olmo2/clip_qkv olmo2/hidden_act olmo2/sliding_window olmo2/mlp_bias
mixtral/hidden_act mixtral/attention_bias
gpt_oss/swiglu_limit gpt_oss/swiglu_alpha gpt_oss/experts_per_token
gpt_oss/quantization_config gpt_oss/hidden_act gpt_oss/attention_sinks
t5/feed_forward_proj t5/relative_attention_num_buckets t5/relative_attention_max_distance
t5/layer_norm_epsilon t5/num_decoder_layers t5/is_encoder_decoder
t5_encoder/feed_forward_proj t5_classes/id2label t5_classes/decoder_start_token_id
t5_classes/eos_token_id t5_classes/num_decoder_layers t5_answers/decoder_start_token_id
mt5/feed_forward_proj mt5/something_new
mt5/relative_attention_num_buckets mt5/relative_attention_max_distance
mt5/layer_norm_epsilon mt5/num_decoder_layers mt5/scale_decoder_outputs mt5/is_encoder_decoder
umt5/feed_forward_proj umt5/relative_attention_num_buckets umt5/relative_attention_max_distance
umt5/layer_norm_epsilon umt5/num_decoder_layers umt5/is_encoder_decoder umt5/something_new
bart/activation_function bart/scale_embedding bart/normalize_before bart/add_final_layer_norm
bart/static_position_embeddings bart/extra_pos_embeddings bart/decoder_attention_heads
bart/encoder_attention_heads bart/decoder_ffn_dim bart/is_decoder bart/is_encoder_decoder
bart/tie_word_embeddings bart/something_new bart_classes/id2label bart_classes/eos_token_id
vit/hidden_act vit/qkv_bias vit/id2label whisper/activation_function
whisper/scale_embedding whisper/encoder_ffn_dim whisper/decoder_layers
whisper/encoder_attention_heads whisper/use_weighted_layer_sum whisper/tie_word_embeddings
""".split()  # noqa: SIM905  a list of a hundred words
"""Changes that ours cannot follow; all others are equal."""

CASES = [(kind, key) for kind, keys in CHANGES.items() for key in keys]
SIZES = ("num_key_value_heads", "patch_size", "image_size", "n_inner", "attention_bias", "d_kv",
         "mlp_bias", "intermediate_size", "head_dim", "num_channels", "num_decoder_layers",
         "decoder_layers", "encoder_ffn_dim", "max_source_positions", "num_mel_bins",
         "type_vocab_size", "relative_attention_num_buckets", "qkv_bias", "tie_word_embeddings",
         "num_labels", "num_heads", "num_attention_heads", "decoder_sparse_step",
         "mlp_only_layers")  # fmt: skip
"""Keys that change which weights there are: the folder is written with them."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Each kind's folder, written once."""
    found = {}

    def folder(kind):
        if kind not in found:
            found[kind] = write(kind, tmp_path_factory.mktemp(kind.replace(" ", "-")))
        return found[kind]

    return folder


def copied(folder, into):
    for file in folder.iterdir():
        (into / file.name).write_bytes(file.read_bytes())
    return into


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_is_equal(folders, kind):
    both(folders(kind))


@pytest.mark.oracle("hf")
@pytest.mark.parametrize(("kind", "key"), CASES)
def test_one_key_is_equal_or_refused_by_name(folders, tmp_path, kind, key):
    value, name = CHANGES[kind][key], key.strip()
    case = f"{kind}/{key}".replace(" ", "_")
    if name in SIZES and case not in REFUSED:
        folder = write(kind, tmp_path, **{name: value})
    else:
        folder = change(copied(folders(kind), tmp_path), **{name: value})
    if case in REFUSED:
        with pytest.raises(UsageError, match=name):
            hf(folder)
        return
    both(folder)


def test_there_are_ten_of_each_family():
    counted = dict.fromkeys(families(), 0)
    for kind, keys in CHANGES.items():
        counted[kind.partition(" ")[0]] += len(keys)
    assert min(counted.values()) >= 10
    assert set(REFUSED) <= {f"{kind}/{key}".replace(" ", "_") for kind, key in CASES}


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", MODELS)
def test_the_defaults_are_those_of_transformers(kind):
    """Every key of their class is read, harmless, or has their default here."""
    config = getattr(transformers, MODELS[kind][1])()
    family, data = config.model_type, published_config._data()
    ours = data["every"] | data[family]
    harmless = {*data["harmless"]["every"], *data["harmless"].get(family, ())}
    for key, value in config.to_dict().items():
        if key in harmless or key in published_config.HEAD or value is None:
            continue
        if key in ("rope_parameters", "head_dim", "layer_types", "scale_decoder_outputs",
                   "no_rope_layers", "pooler_hidden_size"):  # fmt: skip
            continue  # made from other keys
        if key == "num_decoder_layers" or (
            family in ("llama", "phi3", "olmo2") and key == "num_key_value_heads"
        ):
            continue  # as many as others, if nothing is said
        assert ours.get(key, None if value is False else ...) == value, key


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "bert", "vit"])
def test_what_the_file_leaves_out_is_as_in_their_class(kind, tmp_path):
    """Keys whose defaults the folder has in any case may go."""
    leave = ("rms_norm_eps", "hidden_act", "layer_norm_eps", "qkv_bias", "attention_bias",
             "tie_word_embeddings", "rope_parameters", "use_sliding_window", "max_window_layers",
             "layer_types", "num_channels", "type_vocab_size", "hidden_dropout_prob")  # fmt: skip
    both(change(write(kind, tmp_path), without=leave))


def test_a_size_that_was_left_out_is_their_default(folders, tmp_path):
    folder = change(copied(folders("llama"), tmp_path), without=("num_hidden_layers",))
    with pytest.raises(UsageError, match="depth=32, and there are"):
        hf(folder)


@pytest.mark.oracle("hf")
@pytest.mark.parametrize(
    "kind", ["qwen3", "qwen3_moe", "gemma2", "gemma3_text", "phi3", "smollm3", "olmo2", "mixtral",
             "gpt_oss", "modernbert"]
)  # fmt: skip
def test_goes_back_as_its_own_family(folders, kind):
    """Settings and tensors under the family's names, as they were."""
    folder = folders(kind)
    found, file = folder_of(hf(folder)), load_file(folder / "model.safetensors")
    assert found.family == kind
    assert found.tensors.keys() == file.keys()
    for name, tensor in file.items():
        torch.testing.assert_close(found.tensors[name].float(), tensor, rtol=0, atol=1e-6)
