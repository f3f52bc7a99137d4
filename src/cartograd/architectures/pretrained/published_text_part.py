"""The part of a model of pictures and texts that reads and writes texts: Gemma 3 of 4B and more.

Its config.json holds that of a `gemma3_text` under `text_config`; the tensors of the language model
lie under `language_model`, beside a vision tower and a projector, which are left out and told of.

References:
    Gemma team. Gemma 3 technical report. 2025. https://arxiv.org/abs/2503.19786
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained.published_config import required, shown, typed
from cartograd.core.errors import UsageError

SEES = "gemma3"
"""The value of `model_type`."""

WHOLE, PART = ["Gemma3ForConditionalGeneration"], ["Gemma3ForCausalLM"]
"""The head that is read, and what its part for texts is called."""

OUTSIDE = ("eos_token_id", "bos_token_id", "pad_token_id")
"""What is said of the texts beside the part."""

OF_PICTURES = (
    "vision_config", "mm_tokens_per_image", "boi_token_index", "eoi_token_index", "boi_token_id",
    "eoi_token_id", "image_token_index", "image_token_id",
)  # fmt: skip
"""What changes no text without pictures."""

INSIDE = re.compile(r"(?:model\.)?language_model\.(?:model\.)?(?!lm_head)(.*)")
SCORES = re.compile(r"(?:(?:model\.)?language_model\.)?(lm_head\.weight)")
EYES = re.compile(r"(?:model\.)?(?:vision_tower|multi_modal_projector)\..*")
"""Names of tensors: of the language model, of what scores, and of what sees."""


def of_texts(config: Mapping[str, Any], /) -> dict[str, Any]:
    """What config.json says of the part for texts; of any other model, as it is.

    Args:
        config: what it says.

    Raises:
        UsageError: it says something else, too.
    """
    if config.get("model_type") != SEES:
        return dict(config)
    typed("config.json", "text_config", config.get("text_config"), "table")
    required({"architectures": WHOLE} | dict(config), "architectures", WHOLE)
    part = dict(config["text_config"])
    kind = part.get("model_type", f"{SEES}_text")
    if kind != f"{SEES}_text":
        raise UsageError(
            f"config.json: text_config: model_type={shown(kind)} is not understood; expected "
            f"{SEES}_text"
        )
    own = {"text_config", "architectures", "model_type", "tie_word_embeddings", *OF_PICTURES}
    rest = {key: value for key, value in config.items() if key not in own}
    tied = {"tie_word_embeddings": config.get("tie_word_embeddings", True)}
    return part | rest | tied | {"model_type": kind, "architectures": PART}


def texts_alone(tensors: Mapping[str, Tensor], folder: Path, /) -> dict[str, Tensor]:
    """The tensors of the part for texts, under the names that such a model alone has.

    Args:
        tensors: of the folder.
        folder: to be named in what is told of what is left out.
    """
    found, left = dict[str, Tensor](), 0
    for name, tensor in tensors.items():
        if EYES.fullmatch(name):
            left += 1
        elif scores := SCORES.fullmatch(name):
            found[scores[1]] = tensor
        else:
            inside = INSIDE.fullmatch(name)
            found[f"model.{inside[1]}" if inside else name] = tensor
    warnings.warn(
        f"{folder} is a model of pictures, too: its language model is read, and {left} tensors of "
        "its vision tower and projector are left out",
        stacklevel=4,
    )
    return found
