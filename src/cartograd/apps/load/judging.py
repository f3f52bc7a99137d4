"""A language model that is to judge answers in place of writing them."""

from cartograd.apps.load.settings import Setting
from cartograd.core import registry
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.preference_rows import has_pairs, judged
from cartograd.frontier.alignment.reward_model import reward_model

JUDGES = "bradley-terry"
"""The objective of models that give one number for an answer."""


def as_judge(before: Signed, data: Dataset, asked: Setting | None, /) -> tuple[Signed, Dataset]:
    """What a training begins with and its data, as they are or to learn a reward.

    Args:
        before: what it begins with; a model that writes gets a last layer of one number.
        data: of pairs of answers, or any other.
        asked: the objective; None where nobody names one.

    Raises:
        UsageError: the objective is unknown, or no reward model can be made of what writes.
    """
    objective = None if asked is None else asked.value
    if not has_pairs(data) or not isinstance(objective, str | Spec):
        return before, data
    if registry.find(Spec.parse(objective).name, kind="objective")[0].name != JUDGES:
        return before, data
    if before.signature.task.generated:
        made = reward_model(before)
        # With what it gave before as its answer, so that the last layer counts as a new one.
        before = Signed(made.model, before.signature, spec=made.spec, tokenizer=made.tokenizer)
    return before, judged(data)
