from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xferviewer.errors import UnusableFolder
from xferviewer.studies.phantom import FINDINGS, LABEL_COLUMNS, SITES, plan_study, render_film, write_cohort
from xferviewer.studies.phantom.anatomy import chest_lengths
from xferviewer.studies.phantom.chest import heart, lateral_wall
from xferviewer.studies.phantom.dicom import TRANSFER_SYNTAXES, encode
from xferviewer.studies.phantom.disease import draw_disease
from xferviewer.studies.phantom.patients import FILMS_PER_BLOCK
from xferviewer.studies.phantom.physics import CHEST_STAND, PathLengths, attenuation, detect, scattered, transmit
from xferviewer.studies.phantom.physique import draw_physique
from xferviewer.studies.phantom.placing import place
from xferviewer.studies.phantom.projection import Projection, add_tubes, axis

SIZE = 96
IMPORTABLE = {"PYTHONPATH": os.pathsep.join(sys.path)}  # the environment of a child that finds the package


def first_with(finding: str, severity: int, site: str = "B", supine: bool | None = None) -> int:
    return next(
        index
        for index in range(100_000)
        for study in [plan_study(5, site, index)]
        if study.severities[finding] == severity and (supine is None or study.supine is supine)
    )


def presented(film) -> np.ndarray:
    centre, width = film.window
    shown = np.clip((film.pixels - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    return 1 - shown if film.photometric == "MONOCHROME1" else shown


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31), site=st.sampled_from(sorted(SITES)), index=st.integers(0, 10**6))
def test_that_a_film_depends_on_seed_site_and_index_alone(seed, site, index):
    film = render_film(seed, site, index, 64)
    render_film(seed + 1, site, index, 64)  # what was rendered between does not matter
    again = render_film(seed, site, index, 64)

    assert np.array_equal(film.pixels, again.pixels)
    assert film.study == again.study
    assert film.pixels.dtype == np.uint16
    assert int(film.pixels.max()) < 2**film.bits_stored
    assert len(np.unique(film.pixels)) > 100


# Mean of the presented film in 3 × 4 blocks. Whoever changes these changes the films that the bundled checkpoints were
# trained and measured on: train and measure them again.
FROZEN = {
    "A": (0.329, 0.426, 0.443, 0.338, 0.220, 0.502, 0.549, 0.215, 0.423, 0.885, 0.811, 0.349),
    "B": (0.355, 0.411, 0.414, 0.357, 0.284, 0.548, 0.636, 0.299, 0.333, 0.612, 0.598, 0.312),
    "C": (0.248, 0.396, 0.397, 0.250, 0.132, 0.378, 0.409, 0.130, 0.288, 0.814, 0.752, 0.249),
}


@pytest.mark.parametrize("site", sorted(SITES))
def test_that_the_films_are_those_the_bundled_checkpoints_were_measured_on(site):
    blocks = presented(render_film(3, site, 0, SIZE)).reshape(3, SIZE // 3, 4, SIZE // 4).mean(axis=(1, 3))

    # Another processor may round a value differently, not a block.
    assert blocks.ravel() == pytest.approx(FROZEN[site], abs=2e-3)


def test_that_another_seed_site_or_index_gives_another_film():
    films = [render_film(*which, SIZE).pixels for which in ((1, "A", 0), (2, "A", 0), (1, "A", 1), (1, "C", 0))]

    for number, film in enumerate(films):
        assert not any(np.array_equal(film, other) for other in films[number + 1 :])


def test_that_another_process_with_another_number_of_threads_renders_the_same_film():
    code = (
        "import hashlib; from xferviewer.studies.phantom import render_film; "
        f"print(hashlib.sha256(render_film(3, 'C', 2, {SIZE}).pixels.tobytes()).hexdigest())"
    )
    digests = set()
    for threads in ("1", "2"):
        environment = {**IMPORTABLE, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        digests.add(answer.stdout)

    assert len(digests) == 1


@pytest.mark.parametrize(
    ("seed", "site", "index", "size"), [(-1, "A", 0, 64), (1, "D", 0, 64), (1, "A", -1, 64), (1, "A", 0, 32)]
)
def test_that_impossible_arguments_are_refused(seed, site, index, size):
    with pytest.raises(ValueError, match=r"must|at least"):
        render_film(seed, site, index, size)


# --- the plan ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", sorted(SITES))
def test_that_prevalences_and_views_are_those_of_the_site(site):
    studies = [plan_study(11, site, index) for index in range(3000)]

    for finding, prevalence in zip(FINDINGS, SITES[site].prevalence, strict=True):
        share = np.mean([study.severities[finding] > 0 for study in studies])
        # Four standard errors; a fifth of the films are follow-ups, which are correlated.
        assert share == pytest.approx(prevalence, abs=4.4 * (prevalence * (1 - prevalence) / 3000) ** 0.5)
    assert np.mean([study.view == "AP" for study in studies]) == pytest.approx(SITES[site].ap_share, abs=0.04)


def test_that_all_grades_occur_and_several_findings_at_once():
    studies = [plan_study(11, "B", index) for index in range(2000)]

    assert {study.severities[finding] for study in studies for finding in FINDINGS} == {0, 1, 2, 3}
    assert sum(sum(grade > 0 for grade in study.severities.values()) >= 3 for study in studies) > 50


def test_that_each_block_holds_one_follow_up_of_one_of_its_own_patients():
    for block in range(50):
        studies = [plan_study(11, "A", block * FILMS_PER_BLOCK + slot) for slot in range(FILMS_PER_BLOCK)]
        first, later = studies[:-1], studies[-1]

        assert len({study.patient.number for study in first}) == FILMS_PER_BLOCK - 1
        assert [study.follow_up for study in studies] == [0, 0, 0, 0, 1]
        assert later.patient in [study.patient for study in first]
        assert later.age >= later.patient.age


# --- physics ----------------------------------------------------------------------------------------------------------


@given(soft=st.floats(0, 30), bone=st.floats(0, 5), lung=st.floats(0, 20))
def test_that_doubling_every_path_squares_the_transmission(soft, bone, lung):
    def transmission(scale: float) -> float:
        lengths = [np.full((1, 1), scale * value, np.float32) for value in (soft, bone, lung, 1.0, 0.0)]
        return float(transmit(attenuation(PathLengths(*lengths), CHEST_STAND))[0, 0])

    assert transmission(2.0) == pytest.approx(transmission(1.0) ** 2, rel=1e-4)


def test_that_air_attenuates_nothing_and_bone_more_than_soft_tissue_more_than_lung():
    none, one = np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32)
    soft, bone, lung, air = (
        float(attenuation(PathLengths(*lengths, metal=none), CHEST_STAND)[0, 0])
        for lengths in ((one, none, none, none), (none, one, none, none), (none, none, one, none), (none,) * 3 + (one,))
    )

    assert bone > soft > lung > air == 0


def test_that_a_tube_adds_the_chord_of_a_cylinder():
    # No magnification: the source is far away.
    flat = Projection(64, 0.1, 0.0, (0.0, 3.2), 1e9, 1.0, 0.0)
    field = np.zeros((64, 64), np.float32)
    points, _, step = axis(np.array([[-9.0, 3.2, 0.0], [9.0, 3.2, 0.0]]), 0.02)
    add_tubes(field, flat, points, np.full(len(points), 1.0), np.full(len(points), step))

    distance = np.abs((np.arange(64) + 0.5) * 0.1 - 3.2)
    chord = 2.0 * np.sqrt(np.maximum(1.0 - distance**2, 0.0))
    assert field[:, 32] == pytest.approx(chord, abs=0.06)
    assert field[:, 32].sum() == pytest.approx(chord.sum(), rel=0.02)


def test_that_a_tube_finer_than_a_pixel_keeps_its_volume():
    flat = Projection(64, 0.1, 0.0, (0.0, 3.2), 1e9, 1.0, 0.0)
    field = np.zeros((64, 64), np.float32)
    points, _, step = axis(np.array([[-2.0, 3.22, 0.0], [2.0, 3.22, 0.0]]), 0.02)
    add_tubes(field, flat, points, np.full(len(points), 0.02), np.full(len(points), step))

    assert field.sum() * 0.1**2 == pytest.approx(np.pi * 0.02**2 * 4.0, rel=1e-3)


def test_that_quantum_noise_has_the_poisson_variance():
    detector = SITES["A"].detector
    still = type(detector)(detector.field_cm, detector.photons, 0.0, blur_mm=1e-3, electronic=0.0)
    counts = detect(np.full((256, 256), 0.01, np.float32), still, 0.08, np.random.default_rng(0))

    assert counts.var() == pytest.approx(counts.mean(), rel=0.03)


def test_that_scatter_follows_the_primary_and_none_comes_from_open_air():
    primary, depth = np.full((128, 128), 0.02, np.float32), np.full((128, 128), 4.0, np.float32)

    assert scattered(primary, depth, 1.5, 0.3) == pytest.approx(1.5 * primary, rel=1e-3)
    assert not scattered(np.ones_like(primary), np.zeros_like(depth), 1.5, 0.3).any()


# --- findings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("finding", FINDINGS)
@pytest.mark.parametrize("severity", [0, 1, 2, 3])
def test_that_a_mask_lies_where_its_finding_is_and_only_then(finding, severity):
    film = render_film(5, "B", first_with(finding, severity), SIZE)

    assert film.masks[finding].shape == film.pixels.shape
    assert film.masks[finding].any() == (severity > 0)
    assert film.masks[finding].mean() < 0.6


@pytest.mark.parametrize("finding", ["Atelectasis", "Consolidation", "Edema", "Effusion"])
def test_that_a_finding_takes_air_from_the_lung(finding):
    study = plan_study(5, "B", first_with(finding, 3))
    healthy = type(study)(
        **{name: getattr(study, name) for name in study.__slots__ if name != "severities"},
        severities={**study.severities, finding: 0},
    )
    air = []
    for case in (study, healthy):
        # The chest of the diseased in both, so that only what the finding fills differs.
        disease = draw_disease(study)
        physique = draw_physique(study, disease.elevation, disease.shift)
        lengths, _ = chest_lengths(case, draw_disease(case), physique, place(case, physique, SIZE))
        air.append(lengths.lung.sum())

    assert air[0] < 0.99 * air[1]


@pytest.mark.parametrize("site", sorted(SITES))
def test_that_the_cardiothoracic_ratio_grows_with_the_grade_and_passes_a_half_where_labelled(site):
    highest = 0.0
    for severity in (0, 1, 2, 3):
        drawn = []
        for index in range(400):
            study = plan_study(5, site, index)
            if study.severities["Cardiomegaly"] == severity:
                drawn.append(draw_physique(study, (0.0, 0.0), 0.0).cardiothoracic)
        assert min(drawn) > highest
        highest = max(drawn)
        assert (min(drawn) > 0.5) == (severity > 0)
        assert severity or highest < 0.5


def test_that_the_projected_heart_has_the_ratio_that_was_drawn():
    for index in range(8):
        study = plan_study(5, "A", index)
        physique = draw_physique(study, (0.0, 0.0), 0.0)
        flat = Projection(512, 0.1, -12.0, (0.0, 12.0), 1e9, 10.0, 0.0)
        columns = np.flatnonzero(heart(physique, flat).max(axis=0) > 0)
        chest = 2.0 * lateral_wall(np.linspace(0, physique.lung_height, 200), physique).max()

        assert len(columns) * 0.1 / chest == pytest.approx(physique.cardiothoracic, rel=0.05)


def test_that_lung_is_dark_and_abdomen_bright_at_presentation_at_every_site():
    for site in SITES:
        index = next(i for i in range(500) if not any(plan_study(5, site, i).severities.values()))
        film = render_film(5, site, index, SIZE)
        shown = presented(film)
        lung = shown[SIZE // 2, [round(0.28 * SIZE), round(0.72 * SIZE)]].mean()

        assert lung < 0.5 < shown[round(0.85 * SIZE), SIZE // 2]


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(len(TRANSFER_SYNTAXES)))
@pytest.mark.parametrize("site", sorted(SITES))
def test_that_every_transfer_syntax_gives_the_pixels_back_bit_for_bit(site, index, tmp_path):
    film = render_film(5, site, index, SIZE)
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(film))
    dataset = pydicom.dcmread(path)

    assert dataset.file_meta.TransferSyntaxUID == TRANSFER_SYNTAXES[index]
    assert np.array_equal(dataset.pixel_array, film.pixels)
    assert (dataset.PhotometricInterpretation, dataset.BitsStored) == (film.photometric, film.bits_stored)
    assert dataset.ViewPosition == film.study.view
    assert "SYNTHETIC" in dataset.ImageComments


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian: dicom3tools) is not installed")
def test_that_dciodvfy_finds_neither_errors_nor_warnings(tmp_path):
    for site in SITES:
        for index in range(len(TRANSFER_SYNTAXES)):
            path = tmp_path / f"{site}{index}.dcm"
            path.write_bytes(encode(render_film(5, site, index, SIZE)))
            answer = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)

            assert answer.stderr.splitlines() == ["DXImageForPresentation"]


def test_that_a_cohort_lists_its_films_and_masks_the_present_findings(tmp_path):
    table = write_cohort(tmp_path, 6, 5, "B", size=SIZE)
    rows = list(csv.DictReader(table.read_text().splitlines()))

    assert tuple(rows[0]) == LABEL_COLUMNS
    assert len(rows) == 6
    for index, row in enumerate(rows):
        study, dataset = plan_study(5, "B", index), pydicom.dcmread(tmp_path / row["path"])
        assert row["sop_instance_uid"] == dataset.SOPInstanceUID
        assert row["study"] == dataset.StudyInstanceUID
        assert row["patient"] == dataset.PatientID
        for finding in FINDINGS:
            grade = study.severities[finding]
            assert (int(row[f"severity_{finding}"]), int(row[finding])) == (grade, int(grade > 0))
            assert (tmp_path / "masks" / f"{Path(row['path']).stem}_{finding}.png").exists() == (grade > 0)


def test_that_a_png_shows_what_the_dicom_file_shows(tmp_path):
    film = render_film(5, "B", 0, SIZE)
    write_cohort(tmp_path, 1, 5, "B", "png", size=SIZE, masks=False)
    pixels = np.asarray(Image.open(tmp_path / "images" / "B-000000.png"))

    assert pixels.dtype == np.uint16
    assert pixels / 65535 == pytest.approx(presented(film), abs=1 / 65535)
    assert not (tmp_path / "masks").exists()


def test_that_a_cancelled_cohort_goes_on_and_ends_like_one_that_was_not(tmp_path):
    whole, halted, seen = tmp_path / "whole", tmp_path / "halted", []
    write_cohort(whole, 5, 5, "C", size=64)

    write_cohort(halted, 5, 5, "C", size=64, progress=seen.append, cancelled=lambda: len(seen) == 2)
    assert len((halted / "labels.csv").read_text().splitlines()) == 1 + 2
    kept = (halted / "images" / "C-000000.dcm").stat().st_mtime_ns
    write_cohort(halted, 5, 5, "C", size=64)

    assert (halted / "images" / "C-000000.dcm").stat().st_mtime_ns == kept
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(halted) for path in halted.rglob("*") if path.is_file())
    assert all((whole / file).read_bytes() == (halted / file).read_bytes() for file in files)


def test_that_two_processes_write_the_same_files_as_one(tmp_path):
    for workers in (1, 2):
        write_cohort(tmp_path / str(workers), 3, 5, "A", size=64, workers=workers)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()} for n in ("1", "2"))

    assert one == two


def test_that_a_folder_with_another_cohort_is_refused(tmp_path):
    write_cohort(tmp_path, 1, 5, "A", size=64)

    with pytest.raises(UnusableFolder, match="already holds another cohort"):
        write_cohort(tmp_path, 1, 6, "A", size=64)


def test_that_importing_the_phantom_imports_no_scipy():
    code = (
        "import sys, xferviewer.studies.phantom; sys.exit(any(name.split('.')[0] == 'scipy' for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], env=IMPORTABLE, check=False).returncode == 0
