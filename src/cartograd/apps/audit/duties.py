"""What European law asks to be told of such systems, and which section of the card answers.

Facts with their articles, no legal advice: whether a system is high-risk, who is its provider and
what else applies is for people who know the case. What a card cannot answer is named as such.

References:
    Regulation (EU) 2024/1689 (Artificial Intelligence Act), articles 10 to 15 and Annex IV.
    https://eur-lex.europa.eu/eli/reg/2024/1689/oj
    Regulation (EU) 2016/679 (General Data Protection Regulation), articles 5, 13 to 15, 22, 25, 32
    and 35. https://eur-lex.europa.eu/eli/reg/2016/679/oj
"""

from dataclasses import dataclass

SAID = (
    "What the EU AI Act asks of high-risk systems and the GDPR of whoever processes personal data, "
    "in short, and where this card has an answer. It is no legal advice, and a card alone fulfils "
    "no duty."
)


@dataclass(frozen=True)
class Duty:
    """One duty of information.

    Attributes:
        law: the act and the article.
        asks: what is to be told, in short.
        sections: of the card that answer in part.
        rest: what the card cannot say.
    """

    law: str
    asks: str
    sections: tuple[str, ...]
    rest: str


DUTIES = (
    Duty(
        "AI Act, Art. 10(2)(f), (g), 10(3)",
        "data examined for biases and representative in view of the intended purpose",
        ("fairness", "accuracy", "provenance"),
        "how the data were collected, and for whom they stand",
    ),
    Duty(
        "AI Act, Art. 11 and Annex IV(2)(b), (d), (g)",
        "technical documentation: design, data and their provenance, validation and testing "
        "procedures, metrics, test logs",
        ("accuracy", "calibration", "corruption", "fairness", "provenance"),
        "intended purpose, human oversight, the provider's signature",
    ),
    Duty(
        "AI Act, Annex IV(3)",
        "capabilities and limitations, accuracy for specific persons or groups, foreseeable "
        "unintended outcomes",
        ("accuracy", "fairness", "corruption", "not tested"),
        "risks to health, safety and fundamental rights in the place of use",
    ),
    Duty(
        "AI Act, Art. 13(3)(b)(ii), (iv), (v)",
        "instructions for use: level of accuracy, robustness and cybersecurity; information that "
        "explains outputs; performance for groups of persons",
        ("accuracy", "calibration", "corruption", "security", "explanations", "fairness"),
        "how deployers are to interpret outputs in their own setting",
    ),
    Duty(
        "AI Act, Art. 15(1), (3)",
        "an appropriate level of accuracy, declared with its metrics",
        ("accuracy", "calibration"),
        "what level is appropriate",
    ),
    Duty(
        "AI Act, Art. 15(4)",
        "resilience to errors, faults and inconsistencies",
        ("corruption",),
        "faults of the system around the model, and feedback loops",
    ),
    Duty(
        "AI Act, Art. 15(5)",
        "resilience to manipulation: data and model poisoning, adversarial examples, model "
        "evasion, confidentiality attacks",
        ("security", "certified", "backdoor", "privacy"),
        "access control, supply chain, organisation",
    ),
    Duty(
        "GDPR, Art. 13(2)(f), 14(2)(g), 15(1)(h)",
        "where Art. 22 decisions are made: meaningful information about the logic involved, and "
        "the significance and consequences",
        ("explanations",),
        "significance and envisaged consequences for the person",
    ),
    Duty(
        "GDPR, Art. 22(3)",
        "a person may obtain human intervention and contest a solely automated decision",
        (),
        "all of it: a matter of the process, not of the model",
    ),
    Duty(
        "GDPR, Art. 5(1)(d), (f), 25, 32",
        "accuracy of personal data, confidentiality and security appropriate to the risk, data "
        "protection by design",
        ("privacy", "security"),
        "lawfulness, purpose, retention",
    ),
    Duty(
        "GDPR, Art. 35",
        "an impact assessment where a high risk to persons is likely",
        ("privacy", "fairness", "not tested"),
        "necessity, proportionality, measures",
    ),
)
"""In the order of the laws."""
