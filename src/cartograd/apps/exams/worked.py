r"""The worked questions of MMLU: five of each of 57 subjects, with choices, answer and reasoning.

They stand in lm-evaluation-harness's own package as examples for chains of thought, in one text for
each subject.

References:
    Dan Hendrycks et al. Measuring massive multitask language understanding. ICLR 2021.
    https://arxiv.org/abs/2009.03300

>>> text = "Sums.\n\nQ: 1 + 1?\n(A) 2 (B) 3\nA: Let's think step by step. Two. The answer is (A)."
>>> parsed("sums", text)[0]["choices"], parsed("sums", text)[0]["answer"]
(['2', '3'], 0)
"""

import json
import re

from cartograd.apps.exams.exam import Item
from cartograd.core.errors import UsageError
from cartograd.data.store import packages

WORKED = "store:mmlu-worked"
"""What `items` says of them."""

_ITEM = re.compile(
    r"Q: (?P<question>.*?)\n(?P<choices>\(A\) .*?)\nA: Let's think step by step\.\s*"
    r"(?P<reasoning>.*?)\s*The answer is \(?(?P<answer>[A-E])\)?\.?\s*$",
    re.DOTALL,
)


def worked() -> list[Item]:
    """All of them.

    Raises:
        UsageError: they have not been fetched.
    """
    path = packages.where("mmlu-worked") / "cot_prompts.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    return [item for subject, text in said.items() for item in parsed(subject, text)]


def parsed(subject: str, text: str, /) -> list[Item]:
    """The questions of a subject; each with `question`, `choices`, `answer` and `reasoning`.

    Raises:
        UsageError: one is not written as the others are.
    """
    parts = re.split(r"\n\n(?=Q: )", text)
    about = parts[0].strip()
    found = []
    for part in parts[1:]:
        one = _ITEM.match(part.strip())
        if one is None:
            raise UsageError(f"a worked question of {subject} is written otherwise: {part[:60]!r}")
        choices = re.split(r"\s*\([A-E]\)\s", f" {one['choices']}")[1:]
        found.append(
            {
                "subject": subject,
                "about": about,
                "question": one["question"].strip(),
                "choices": [choice.strip() for choice in choices],
                "answer": "ABCDE".index(one["answer"]),
                "reasoning": one["reasoning"],
            }
        )
    return found
