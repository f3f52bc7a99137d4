"""What adapter_config.json of PEFT says of an adapter, as far as it counts once that has learned.

What it says of the training (which layers were chosen, how the thin matrices began) is in the
tensors already, but for beginnings that take something out of the model's own weights: an adapter
that was kept as it began belongs to other weights than those of its model.

References:
    Sourab Mangrulkar et al. PEFT: state-of-the-art parameter-efficient fine-tuning methods. 2022.
    https://github.com/huggingface/peft (`LoraConfig`, 0.19)
    Fanxu Meng, Zhaohui Wang, Muhan Zhang. PiSSA: principal singular values and singular vectors
    adaptation of large language models. NeurIPS 2024. https://arxiv.org/abs/2404.02948
"""

from pathlib import Path
from typing import Any

from cartograd.architectures.pretrained.published_config import read_object, shown
from cartograd.architectures.pretrained.published_folder import ADAPTER
from cartograd.core.errors import UsageError, unknown

READ = ("peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "alpha_pattern",
        "fan_in_fan_out", "base_model_name_or_path", "task_type", "bias",
        "init_lora_weights", "target_parameters")  # fmt: skip
"""What counts."""

HARMLESS = (
    "auto_mapping", "revision", "inference_mode", "target_modules", "exclude_modules",
    "lora_dropout", "modules_to_save", "layers_to_transform", "layers_pattern", "rank_pattern",
    "loftq_config", "eva_config", "corda_config", "lora_ga_config", "velora_config", "peft_version",
    "megatron_core", "qalora_group_size", "ensure_weight_tying", "runtime_config",
)  # fmt: skip
"""What is of the training, or what the tensors say themselves (the rank of each, the layers)."""

BIASES = ("none", "all", "lora_only")
"""Which biases were learned; they are among the tensors."""

BEGINNINGS = (True, False, None, "gaussian", "eva", "orthogonal", "mica")
"""How thin matrices may have begun: by numbers that leave the model's weights as they are."""

MERGE = "merge it into its model with PEFT and save that"


def understood(folder: Path, /) -> dict[str, Any]:
    """What adapter_config.json says, as far as it counts.

    Args:
        folder: the adapter's.

    Raises:
        UsageError: it is of another method, asks for more than is known here, or belongs to
            weights that its beginning has changed.
    """
    said = read_object(folder / ADAPTER)
    if said.get("peft_type") != "LORA":
        raise unknown("peft_type", str(said.get("peft_type")), ["LORA"], hint=f"({folder})")
    for key, value in said.items():
        if key not in (*READ, *HARMLESS) and value not in (None, False, [], {}):
            raise UsageError(
                f"{folder / ADAPTER}: {key}={shown(value)} is a form of LoRA that is not known "
                f"here; {MERGE}"
            )
    if said.get("bias", "none") not in BIASES:
        raise unknown("bias", str(said["bias"]), list(BIASES), hint=f"({folder})")
    began = said.get("init_lora_weights", True)
    if began not in BEGINNINGS:
        raise UsageError(
            f"{folder / ADAPTER}: init_lora_weights={shown(began)} took its beginning out of the "
            "model's weights, to which the adapter so does not belong; have PEFT convert it when "
            f"it saves (path_initial_model_for_weight_conversion), or {MERGE}"
        )
    if said.get("target_parameters"):
        raise UsageError(
            f"{folder / ADAPTER}: target_parameters={shown(said['target_parameters'])} changes "
            f"tensors that are no layers, such as stacked experts, which is not known here; {MERGE}"
        )
    return said
