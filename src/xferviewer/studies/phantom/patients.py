"""Who is on which film, and with what: drawn from (seed, site, index) alone, before anything is rendered.

Four patients fill five films: the fifth film of each block is a follow-up of one of the four, so that about a quarter
of the patients have two studies and no film needs to know how many films a cohort has.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np

from xferviewer.studies.phantom.sites import FINDINGS, SITES, Site, SiteName

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sex = Literal["F", "M"]
View = Literal["PA", "AP"]

PATIENTS_PER_BLOCK = 4
FILMS_PER_BLOCK = PATIENTS_PER_BLOCK + 1

# Correlation of the liabilities of the five findings and of being examined AP (last): edema comes with a large heart
# and with effusions, effusions with compressed lung, and the sick are examined in bed.
_CORRELATION = np.array(
    [
        # Atel  Card  Cons  Edem  Effu  AP
        [1.00, 0.05, 0.10, 0.05, 0.30, 0.20],
        [0.05, 1.00, 0.00, 0.40, 0.25, 0.15],
        [0.10, 0.00, 1.00, 0.05, 0.20, 0.20],
        [0.05, 0.40, 0.05, 1.00, 0.35, 0.30],
        [0.30, 0.25, 0.20, 0.35, 1.00, 0.25],
        [0.20, 0.15, 0.20, 0.30, 0.25, 1.00],
    ]
)
_FOLLOW_UP_CORRELATION = 0.6
# Of the films with a finding, the shares of grade 1 (mild) and of grades 1 and 2.
_MILD, _MILD_OR_MODERATE = 0.40, 0.75


class Purpose(IntEnum):
    """What random numbers are for: a stream each, so that a change in one part leaves the others alone."""

    PATIENT = 1
    LIABILITY = 2
    FOLLOW_UP = 3
    EXAMINATION = 4
    DATE = 5
    BODY = 10
    BREATH = 11
    HEART = 12
    PLACING = 13
    TISSUE = 14
    SCAPULA = 15
    EFFUSION = 20
    CONSOLIDATION = 21
    EDEMA = 22
    ATELECTASIS = 23
    DEVICES = 30
    DETECTOR = 31


@dataclass(frozen=True, slots=True)
class Patient:
    """A synthetic patient. `number` counts from 1 inside a site; age in years at the first study."""

    number: int
    patient_id: str
    name: str
    sex: Sex
    age: int


@dataclass(frozen=True, slots=True)
class Study:
    """One film to be rendered: of whom, how taken, and what is in the anatomy.

    severities   grade of each finding: 0 absent, 1 mild, 2 moderate, 3 severe
    follow_up    0 for the first study of a patient, 1 for the second
    """

    seed: int
    site: Site
    index: int
    patient: Patient
    follow_up: int
    age: int
    view: View
    supine: bool
    severities: dict[str, int]


def generator(seed: int, site: SiteName, purpose: Purpose, *which: int) -> np.random.Generator:
    """Random numbers for one purpose and one patient or film: the same for the same arguments, unrelated otherwise."""
    return np.random.default_rng([seed, ord(site), purpose, *which])


def plan_study(seed: int, site: SiteName, index: int) -> Study:
    """The study behind film `index` of a site. Raises ValueError for an unknown site or a negative seed or index."""
    if site not in SITES:
        raise ValueError(f"site must be one of {', '.join(SITES)}, got {site!r}")
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must not be negative, got {seed} and {index}")
    facts = SITES[site]
    block, slot = divmod(index, FILMS_PER_BLOCK)
    follow_up = int(slot == PATIENTS_PER_BLOCK)
    if follow_up:
        slot = int(generator(seed, site, Purpose.FOLLOW_UP, block).integers(PATIENTS_PER_BLOCK))
    patient = _draw_patient(seed, facts, block * PATIENTS_PER_BLOCK + slot + 1)
    liabilities = _draw_liabilities(seed, facts.name, patient.number, follow_up)
    examination = generator(seed, site, Purpose.EXAMINATION, patient.number, 1 + follow_up)
    view: View = "AP" if _exceeds(liabilities[-1], facts.ap_share) else "PA"
    return Study(
        seed=seed,
        site=facts,
        index=index,
        patient=patient,
        follow_up=follow_up,
        age=patient.age + follow_up * int(examination.integers(0, 3)),
        view=view,
        supine=view == "AP" and bool(examination.random() < facts.supine_share),
        severities={
            finding: _grade(liability, prevalence)
            for finding, liability, prevalence in zip(FINDINGS, liabilities, facts.prevalence, strict=False)
        },
    )


def _draw_patient(seed: int, site: Site, number: int) -> Patient:
    draw = generator(seed, site.name, Purpose.PATIENT, number)
    return Patient(
        number=number,
        patient_id=f"{site.name}{seed:06d}-{number:05d}",
        name=f"Phantom^{site.name}-{number:04d}",
        sex="F" if draw.random() < 0.46 else "M",
        age=int(np.clip(draw.normal(site.mean_age, 15.0), 20, 92)),
    )


def _draw_liabilities(seed: int, site: SiteName, patient: int, follow_up: int) -> NDArray[np.float64]:
    """Standard normal liabilities of the findings and of AP; those of a follow-up correlate with the first study's."""
    # Summed by hand: a matrix product could round differently with another number of BLAS threads.
    factor = np.linalg.cholesky(_CORRELATION)
    independent = generator(seed, site, Purpose.LIABILITY, patient, 0).standard_normal(len(factor))
    if follow_up:
        rho = _FOLLOW_UP_CORRELATION
        later = generator(seed, site, Purpose.LIABILITY, patient, 1).standard_normal(len(factor))
        independent = rho * independent + (1.0 - rho**2) ** 0.5 * later
    return np.asarray((factor * independent).sum(axis=1))


def _exceeds(liability: float, share: float) -> bool:
    """Whether a standard normal liability lies in its upper `share`."""
    return bool(liability > NormalDist().inv_cdf(1.0 - share))


def _grade(liability: float, prevalence: float) -> int:
    """0 outside the upper `prevalence`; 1 to 3 inside, the most extreme the most severe."""
    shares = (prevalence, prevalence * (1.0 - _MILD), prevalence * (1.0 - _MILD_OR_MODERATE))
    return sum(_exceeds(liability, share) for share in shares)
