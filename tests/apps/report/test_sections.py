"""Every section on results whose right picture is known."""

import pytest
import torch

from cartograd.apps.report.adversarial import adversarial
from cartograd.apps.report.attributions import attributions
from cartograd.apps.report.configuration import configuration
from cartograd.apps.report.confusion import confusion
from cartograd.apps.report.curves import curves
from cartograd.apps.report.deployment import Runtime, deployment
from cartograd.apps.report.metrics import Measured, metrics
from cartograd.apps.report.mistakes import mistakes
from cartograd.apps.report.ranking import ranking
from cartograd.apps.report.regression import regression
from cartograd.apps.report.reliability import reliability
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from cartograd.practice.metrics.ece import ece
from cartograd.practice.metrics.roc_auc import log_odds, roc_auc
from tests.reference import Reference

pytestmark = pytest.mark.chart  # what they look at

sklearn_metrics = Reference("sklearn.metrics")

LABELS = tuple("0123456789")


def record(epoch: int, loss: float, accuracy: float | None = None) -> dict:
    found = {"step": epoch, "epoch": epoch, "train/loss": loss, "lr": 1e-3, "seconds": 0.5}
    return found if accuracy is None else found | {"valid/loss": loss, "valid/accuracy": accuracy}


def test_metrics_show_value_interval_and_baseline(page):
    section = metrics(
        {"accuracy": Measured(0.9, 0.85, 0.94), "nll": Measured(0.31, 0.2, 0.4)},
        where="200 examples",
        baselines={"most common class": {"accuracy": 0.1}},
    )
    words = page(section.body).words
    assert {"90.0 %", "85.0 % to 94.0 %", "10.0 %", "0.31", "0.2 to 0.4"} <= set(words)
    assert "200 examples" in section.lead
    assert metrics({}, where="x") is None


def test_curves_show_both_lines_and_the_epoch_kept(page):
    history = [record(i, 1 / i, 1 - 0.5 / i) for i in range(1, 6)]
    section = curves(history, best=4, stopped="early")
    words = set(page(section.body).words)
    assert {"training", "validation", "kept", "Loss", "Accuracy"} <= words
    assert "epoch 4" in section.lead
    assert "nothing improved any more" in section.lead
    assert len(page(section.body).all("tr")) == 1 + len(history)


@pytest.mark.parametrize(
    "history",
    [
        [record(1, 0.5)],
        [record(1, 0.5, 0.5)],
        [record(1, 0.0, 1.0), record(2, 0.0, 1.0)],
        [record(1, 100.0, 0.1), record(2, 0.001, 0.9)],
        [record(1, 1.0, 0.5), record(2, 1.0) | {"valid/loss": None, "valid/accuracy": None}],
        [{"step": 1, "epoch": 1, "train/critic/loss": 1.0, "train/loss": -3.0}],
    ],
)
def test_curves_of_odd_histories(history, page):
    assert page(curves(history).body).all("svg")


def test_no_history_no_curves():
    assert curves([]) is None
    assert curves([{"step": 1, "epoch": 1}]) is None


def test_confusion_counts_and_names_the_worst_pair(page, digits, logits):
    outputs = logits(digits.targets, 10, (3, 13, 7))
    section = confusion(outputs, digits.targets, LABELS)
    assert "3 taken for 4, 2×" in section.lead
    tables = page(section.body).all("table")
    assert len(tables) == 3
    assert "4 " not in section.lead.partition("taken")[0]


def test_confusion_of_a_perfect_model(digits, logits):
    section = confusion(logits(digits.targets, 10), digits.targets, LABELS)
    assert "no mistake" in section.lead


def test_confusion_of_many_classes_stays_small(page):
    targets = torch.arange(300) % 100
    labels = tuple(f"class number {i}" for i in range(100))
    section = confusion(torch.randn(300, 100), targets, labels)
    assert len(page(section.body).all("table")) == 2
    assert len(section.body) < 300_000


@pytest.mark.place("metric/roc-auc")
@pytest.mark.parametrize("classes", [2, 10])
def test_the_drawn_curve_has_the_area_of_the_metric(page, classes):
    torch.manual_seed(0)
    targets = torch.randint(classes, (900,))
    outputs = torch.randn(900, classes).round(decimals=1)
    outputs[range(900), targets] += 1
    section = ranking(outputs, targets, LABELS[:classes])
    assert f"{roc_auc(outputs, targets):.3f}" in section.lead
    found = page(section.body)
    assert found.all("svg")
    for k in [1] if classes == 2 else range(classes):
        score = log_odds(outputs)[:, k]
        average = sklearn_metrics.average_precision_score(targets == k, score)
        area = sklearn_metrics.roc_auc_score(targets == k, score)
        assert {f"{average:.3f}", f"{area:.3f}"} <= set(found.words)


def test_a_single_class_has_no_ranking():
    assert ranking(torch.randn(5, 2), torch.ones(5, dtype=torch.long), ()) is None


@pytest.mark.place("metric/calibration")
def test_reliability_tells_the_calibration_error_of_the_metric(digits):
    outputs = torch.randn(40, 10)
    section = reliability(outputs, digits.targets)
    assert f"{100 * ece(outputs, digits.targets):.1f} %" in section.lead


def test_reliability_of_a_single_logit(page):
    section = reliability(torch.tensor([[2.0], [-2.0], [1.0]]), torch.tensor([1, 0, 0]))
    assert page(section.body).all("svg")


def test_mistakes_come_surest_first(page, digits, logits):
    section = mistakes(digits, logits(digits.targets, 10, (5, 17, 30)))
    found = page(section.body)
    assert [item["alt"].partition(":")[0] for item in found.all("img")] == [
        "example 6",
        "example 18",
        "example 31",
    ]
    assert "5 that was taken for 6" in found.all("img")[0]["alt"]


def test_only_the_surest_mistakes_are_shown(page, digits, logits):
    outputs = -logits(digits.targets, 10)
    section = mistakes(digits, outputs, most=4)
    assert len(page(section.body).all("img")) == 4
    assert "40 of 40" in section.lead


def test_mistakes_in_a_table_show_the_cells_as_they_were(page, people, logits):
    section = mistakes(people, logits(people.targets, 2, (0,)))
    words = page(section.body).words
    for cell in ("line 2", "yes", "no", "50", "missing"):
        assert cell in words


def test_no_mistakes_is_good_news(digits, logits):
    section = mistakes(digits, logits(digits.targets, 10))
    assert "none" in section.lead


def test_attributions_of_pictures_stand_beside_them(page, digits, logits):
    shown = digits.select(range(4))
    heat = torch.randn(4, 1, 8, 8)
    section = attributions(shown, heat, logits(shown.targets, 10, (1,)), method="some:steps=3")
    assert len(page(section.body).all("img")) == 8
    assert "was 1" in page(section.body).words
    assert "some:steps=3" in section.lead


def test_attributions_of_tables_add_up_by_column(page, people, logits):
    heat = torch.zeros(30, 5)
    heat[:, 1:3] = 1.0
    heat[:, 0] = torch.tensor([1.0, -1.0]).repeat(15)
    section = attributions(people, heat, logits(people.targets, 2), method="m")
    words = page(section.body).words
    table = words[words.index("column") :]
    assert [word for word in table[1:] if word.strip()] == [
        "mean size of the contribution", "town", "2", "age", "1", "pay", "0",
    ]  # fmt: skip


def test_adversarial_pairs_and_the_curve(page, digits, logits):
    shown = digits.select(range(3))
    section = adversarial(
        shown,
        (shown.inputs + 0.1).clamp(0, 1),
        logits(shown.targets, 10),
        logits(shown.targets, 10, (0, 1, 2)),
        method="pgd:eps=0.1",
        eps=0.1,
        robust=[(0.0, 0.9), (0.1, 0.2)],
    )
    found = page(section.body)
    assert len(found.all("img")) == 9
    assert {"said 0", "says 1", "90.0 %", "20.0 %"} <= set(found.words)
    assert "eps = 0.1, 10 % of its range" in section.lead


def test_a_table_under_attack_has_the_curve_alone(people, logits, page):
    given = people, people.inputs, *[logits(people.targets, 2)] * 2
    assert adversarial(*given, method="pgd", eps=0.1) is None
    section = adversarial(*given, method="pgd", eps=0.1, robust=[(0.0, 1.0), (0.1, 0.5)])
    assert "Each number" in section.lead
    assert not page(section.body).all("img")


def prices(true: torch.Tensor) -> Split:
    port = Port("row", "vector", (2,))
    signature = Signature((port,), (Port("price", "value", (1,)),))
    return Split(torch.zeros(len(true), 2), true, signature)


def test_regression_shows_what_is_left(page):
    true = torch.linspace(0, 100, 2000)[:, None]
    said = true + 3
    said[6] += 10
    section = regression(prices(true), said)
    assert "within 3 of" in section.lead
    assert "800 of 2,000" in section.lead
    words = page(section.body).words
    worst = words[words.index("The largest residuals") :]
    assert next(word for word in worst if word.startswith("example ")) == "example 7"
    assert "true price" in words


def test_regression_of_a_constant(page):
    true = torch.zeros(5, 1)
    assert page(regression(prices(true), true).body).all("svg")


def test_deployment_compares_with_the_first(page):
    rows = [
        Runtime("PyTorch", 247_000, 4e-4, (3e-4, 5e-4)),
        Runtime("ONNX Runtime", 251_000, 1e-4, (9e-5, 2e-4), (4.0, 3.1, 4.4), 2.4e-7),
    ]
    words = page(deployment(rows, parameters=61_706).body).words
    assert {"247 kB", "0.4 ms (0.3 ms to 0.5 ms)", "4 times (3.1 to 4.4) as fast", "2.4e-7"} <= set(
        words
    )
    assert deployment([], parameters=1) is None


def test_configuration_tells_where_each_value_came_from(page):
    section = configuration(
        {"epochs": (5, "flag"), "schedule": (None, "default")}, command="cartograd train mlp"
    )
    words = page(section.body).words
    assert {"epochs", "5", "flag", "none", "cartograd train mlp"} <= set(words)
    assert configuration({}) is None


def test_nothing_to_show(digits):
    empty, none = torch.zeros(0, 10), torch.zeros(0, dtype=torch.int64)
    assert confusion(empty, none, LABELS) is None
    assert reliability(empty, none) is None
    assert mistakes(digits.select([]), empty) is None
    assert regression(prices(torch.zeros(0, 1)), torch.zeros(0, 1)) is None
