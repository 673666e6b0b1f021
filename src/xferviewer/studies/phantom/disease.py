"""What the five findings do to a chest: they move tissue, fluid and air; the physics then shows it.

Each is drawn once per study as a frozen description in cm, and applied to the lengths through the lungs. Severity 1 is
mild, 2 moderate, 3 severe. A large heart is a measure of the chest itself (physique.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.phantom.airspace import draw_consolidation, draw_edema
from xferviewer.studies.phantom.collapse import draw_atelectasis
from xferviewer.studies.phantom.pleura import draw_effusions

if TYPE_CHECKING:
    from xferviewer.studies.phantom.airspace import Consolidation, Edema
    from xferviewer.studies.phantom.collapse import Atelectasis
    from xferviewer.studies.phantom.patients import Study
    from xferviewer.studies.phantom.pleura import Effusion


@dataclass(frozen=True, slots=True)
class Disease:
    """All that is wrong in one study, and what it does to the diaphragm (right, left) and the mediastinum."""

    effusions: tuple[Effusion, ...]
    consolidation: Consolidation | None
    edema: Edema | None
    atelectasis: Atelectasis | None
    elevation: tuple[float, float]
    shift: float


def draw_disease(study: Study) -> Disease:
    """What the severities of a study mean in this chest."""
    effusions = draw_effusions(study)
    atelectasis = draw_atelectasis(study)
    pull = atelectasis.pull if atelectasis else 0.0
    # A large effusion pushes the mediastinum away, a collapsed lobe pulls it.
    push = sum(-0.22 * max(effusion.level - 6.5, 0.0) * effusion.side for effusion in effusions)
    return Disease(
        effusions=effusions,
        consolidation=draw_consolidation(study),
        edema=draw_edema(study),
        atelectasis=atelectasis,
        elevation=atelectasis.elevation if atelectasis else (0.0, 0.0),
        shift=float(np.clip(pull + push, -2.2, 2.2)),
    )
