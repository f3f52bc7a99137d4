"""One number for each answer, greater for better ones; only differences mean something."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="reward",
    means="a number, greater for better answers",
    answer=ANSWERS + "regress",
    objective="bradley-terry",
    explained="value",
    head="classify",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a reward",
        "evaluate": "a reward is measured on pairs of answers, where it is trained: "
        "`cartograd train MODEL --data preferences:FILE --set objective=bradley-terry` ends with "
        "the share of test pairs that it tells apart",
    },
)
