"""The sections of the card, in the order of the page."""

from cartograd.apps.audit.section import Section
from cartograd.apps.audit.sections.accuracy import Accuracy
from cartograd.apps.audit.sections.backdoor import Backdoor
from cartograd.apps.audit.sections.calibration import Calibration
from cartograd.apps.audit.sections.certified import Certified
from cartograd.apps.audit.sections.corruption import Corruption
from cartograd.apps.audit.sections.explanations import Explanations
from cartograd.apps.audit.sections.fairness import Fairness
from cartograd.apps.audit.sections.limits import Limits
from cartograd.apps.audit.sections.privacy import Privacy
from cartograd.apps.audit.sections.security import Security

SECTIONS: tuple[Section, ...] = (
    Accuracy(), Calibration(), Corruption(), Security(), Certified(), Privacy(), Backdoor(),
    Explanations(), Fairness(), Limits(),
)  # fmt: skip
