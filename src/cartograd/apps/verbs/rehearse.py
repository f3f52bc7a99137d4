"""Rehearse what follows a training: its bundle, and its metrics on a batch of the test part."""

from cartograd.apps.answers.masked_evaluation import masked_examples
from cartograd.apps.verbs.evaluate import at_once, figures, measures_of, usual
from cartograd.apps.verbs.judged_pairs import compares
from cartograd.apps.verbs.kept_bundle import rehearse_bundle
from cartograd.apps.verbs.plan import Plan
from cartograd.data.dataset.dataset import Examples
from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.loop.probe import shapes, unchanged
from cartograd.engine.loop.rehearsal import explained


def rehearse_end(plan: Plan, processes: ProcessGroup, /) -> None:
    """Try what `finish` does, on few examples.

    Raises:
        UsageError: the bundle cannot be kept, or the test part cannot be measured.
    """
    model, test = plan.model, plan.data.test
    rows = min(len(test), plan.value("batch_size"), at_once(model.signature))
    processes.lead_does(
        lambda: rehearse_bundle(model, test.select(range(min(len(test), 8))).arguments)
    )
    few = test.select(range(rows))
    if compares(plan):  # as each epoch does, of the validation part
        return
    try:
        _measured(plan, few)
        return
    except Exception:  # a metric may want more examples than a batch has, such as each class
        pass
    what = f"a batch of the test part ({shapes((*few.arguments, few.targets))}) cannot be measured"
    with explained(what, {"model": model}):
        _measured(plan, test)


def _measured(plan: Plan, few: Examples) -> None:
    model = plan.model
    measures, *_ = measures_of(model, {name: name for name in usual(model)})
    with unchanged(model):
        examples = masked_examples(model, few)
        figures(model, examples, measures, device=plan.value("device"), intervals=False)
