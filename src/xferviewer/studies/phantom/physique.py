"""The measures of one chest: what a patient brings, and how deep the breath was for this film."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xferviewer.studies.phantom.patients import Purpose, Study, generator


@dataclass(frozen=True, slots=True)
class Physique:
    """Lengths in cm; the same for all studies of a patient, except what breathing changes.

    lung_height     from the apex of the lungs to the top of the right diaphragm dome, as breathed in for this film
    half_width      greatest inner half width of the chest
    half_depth      greatest inner half depth of the chest
    wall            thickness of the chest wall at the sides: muscle and fat
    fat             0 lean … 1 obese
    breast          thickness of the breasts at their middle; 0 for men
    cardiothoracic  largest width of the heart over the largest inner width of the chest, at full inspiration
    unfolding       0 young … 1 old aorta: knob and descending aorta stand out
    bone            mineral relative to a young adult
    scoliosis       lateral bend of the spine
    rib_drop        how much more the ribs fall to the front than usual
    barrel          how early the chest reaches its full width: -2 a bell, 0 usual, 2 a barrel
    dome_drop       depth of the costophrenic angle below the top of the dome
    dome_curve      fall of the domes per cm² towards front and back
    scars           height of old pleural thickening in the (right, left) costophrenic angle; not a finding
    heart_turn      angle in degrees of the long axis of the heart below the horizontal
    clavicle_slope  rise of the clavicle from the breastbone to the shoulder
    elevation       rise of the (right, left) dome over its usual height
    shift           of the mediastinum to the patient's left
    """

    female: bool
    age: int
    lung_height: float
    half_width: float
    half_depth: float
    wall: float
    fat: float
    breast: float
    breast_level: float
    cardiothoracic: float
    unfolding: float
    bone: float
    scoliosis: float
    rib_drop: float
    barrel: float
    dome_drop: float
    dome_curve: float
    scars: tuple[float, float]
    heart_turn: float
    clavicle_slope: float
    dome_difference: float
    elevation: tuple[float, float]
    shift: float

    @property
    def carina(self) -> float:
        """y where the trachea parts."""
        return 0.29 * self.lung_height

    @property
    def hilum(self) -> float:
        """y of the right hilum; the left lies 1 cm higher."""
        return 0.43 * self.lung_height

    @property
    def arch(self) -> float:
        """y of the aortic knob."""
        return 0.20 * self.lung_height

    def dome(self, side: int) -> float:
        """y of the top of the diaphragm dome of the right (-1) or left (+1) side."""
        return self.lung_height + (self.dome_difference if side > 0 else 0.0) - self.elevation[(side + 1) // 2]

    def angle(self, side: int) -> float:
        """y of the costophrenic angle of a side, where the dome meets the chest wall."""
        return self.dome(side) + self.dome_drop

    @property
    def heart_extent(self) -> tuple[float, float]:
        """How far the heart reaches to the right and to the left of the midline."""
        width = self.cardiothoracic * 2.0 * self.half_width
        return 0.335 * width - self.shift, 0.665 * width + self.shift


def draw_physique(study: Study, elevation: tuple[float, float], shift: float) -> Physique:
    """The measures for one study; `elevation` and `shift` are what the findings do to diaphragm and mediastinum."""
    draw = generator(study.seed, study.site.name, Purpose.BODY, study.patient.number)
    female = study.patient.sex == "F"
    stature = float(np.clip(draw.normal(0.0, 1.0), -2.2, 2.2))
    fat = float(np.clip(draw.beta(2.0, 2.6), 0.05, 0.98))
    breath = generator(study.seed, study.site.name, Purpose.BREATH, study.patient.number, study.follow_up)
    inspiration = float(breath.normal(0.0, 0.7)) - (1.6 if study.view == "AP" else 0.0) - (1.4 if study.supine else 0.0)
    return Physique(
        female=female,
        age=study.age,
        lung_height=(20.6 if female else 22.6) + 0.9 * stature + inspiration - 1.2 * fat,
        half_width=(12.7 if female else 14.3) + 0.55 * stature + 0.5 * fat + float(draw.normal(0.0, 0.35)),
        half_depth=(8.0 if female else 8.9) + 0.3 * stature + 0.8 * fat,
        wall=2.0 + 2.8 * fat,
        fat=fat,
        breast=float(draw.uniform(1.0, 2.8) + 1.6 * fat) if female else 0.0,
        breast_level=float(draw.uniform(0.82, 0.98)),
        cardiothoracic=_draw_cardiothoracic(study),
        unfolding=float(np.clip((study.age - 45) / 40.0 + draw.normal(0.0, 0.15), 0.0, 1.0)),
        bone=float(
            np.clip(1.05 - 0.006 * max(study.age - 40, 0) * (1.4 if female else 1.0) + draw.normal(0, 0.06), 0.55, 1.2)
        ),
        scoliosis=float(draw.normal(0.0, 0.35)),
        rib_drop=float(draw.normal(0.0, 0.9)),
        barrel=float(np.clip(draw.normal(0.0, 1.0), -2.0, 2.0)),
        dome_drop=float(np.clip(draw.normal(4.2, 0.6), 3.0, 5.6)),
        dome_curve=float(np.clip(draw.normal(0.062, 0.010), 0.042, 0.09)),
        scars=_draw_scars(study.age, draw),
        heart_turn=float(np.clip(draw.normal(33.0, 5.0), 22.0, 44.0)) - (3.0 if study.view == "AP" else 0.0),
        clavicle_slope=float(draw.normal(3.4, 0.7)) - (0.8 if study.view == "AP" else 0.0),
        dome_difference=float(np.clip(draw.normal(1.2, 0.5), 0.0, 2.4)),
        elevation=elevation,
        shift=shift,
    )


def _draw_scars(age: int, draw: np.random.Generator) -> tuple[float, float]:
    """Blunted angles without fluid: the older the more; what makes a small effusion hard to tell."""
    share = 0.04 + 0.16 * float(np.clip((age - 30) / 50.0, 0.0, 1.0))
    heights = [float(draw.uniform(0.9, 2.8)) * (draw.random() < share) for _ in range(2)]
    return heights[0], heights[1]


def _draw_cardiothoracic(study: Study) -> float:
    """Above 0.5 exactly when the film is labelled with cardiomegaly; the grades part at 0.55 and 0.61."""
    severity = study.severities["Cardiomegaly"]
    own = generator(study.seed, study.site.name, Purpose.HEART, study.patient.number)
    later = generator(study.seed, study.site.name, Purpose.HEART, study.patient.number, study.follow_up, severity)
    if severity == 0:
        return float(np.clip(own.normal(0.448, 0.028) + later.normal(0.0, 0.006), 0.37, 0.494))
    low, high = {1: (0.51, 0.555), 2: (0.555, 0.61), 3: (0.61, 0.70)}[severity]
    return float(later.uniform(low, high))
