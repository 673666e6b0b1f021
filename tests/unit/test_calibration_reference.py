"""Every number of the calibration reference, and no key of it unread."""

import json
from pathlib import Path

import numpy as np
import pytest

from xferviewer.evaluation.calibration import (
    brier,
    brier_decomposition,
    classwise_calibration_error,
    confidences,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_diagram,
)
from xferviewer.evaluation.calibration_tests import cox_recalibration, hosmer_lemeshow, logits_of
from xferviewer.evaluation.decision_curve import decision_curve
from xferviewer.evaluation.recalibration import fit, fit_multiclass_temperature, recalibrate
from xferviewer.evaluation.selective import risk_coverage

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"

# Where a likelihood is maximised, R stops when it changes by less than 1e-8 of itself.
FITTED = ("calibration_intercept_slope", "calibration_in_the_large", "platt_", "temperature")


def errors(labels: np.ndarray, p: np.ndarray, bins: int) -> dict[str, float]:
    diagram = reliability_diagram(labels, p, bins)
    return {"ECE": diagram.expected_error, "MCE": diagram.maximum_error, "RMSCE": diagram.root_mean_square_error}


def computed(y: np.ndarray, p: np.ndarray) -> dict:
    """What `calibration.json` holds, under its keys."""
    x, (right, confidence) = logits_of(p), confidences(y, p)
    in_10, terms, cox, groups = (
        reliability_diagram(y, p, 10),
        brier_decomposition(y, p),
        cox_recalibration(y, p),
        hosmer_lemeshow(y, p),
    )
    temperature, platt, plain = (
        fit(method, y, x).parameters for method in ("temperature", "platt", "platt-unsmoothed")
    )
    isotonic = recalibrate(fit("isotonic", y, x), x)
    curve = decision_curve(y, p, [0.1, 0.2, 0.3, 0.5, 0.7])
    risk = risk_coverage(right == 0, -confidence)
    return {
        "n": y.size,
        "ece15_confidence": errors(right, confidence, 15),
        "ece15_positive_class": errors(y, p, 15),
        "ece10_positive_class": errors(y, p, 10),
        "adaptive_ece15_positive_class": expected_calibration_error(y, p, 15, "mass"),
        "adaptive_ece15_confidence": expected_calibration_error(right, confidence, 15, "mass"),
        "reliability10": {
            "bin": (in_10.bins + 1).tolist(),
            "n": in_10.counts.tolist(),
            "mean_p": in_10.mean_probability.tolist(),
            "obs": in_10.observed.tolist(),
        },
        "brier": brier(y, p),
        "brier_decomposition10": {
            "reliability": terms.reliability,
            "resolution": terms.resolution,
            "uncertainty": terms.uncertainty,
            "within_bin_variance": terms.within_bin_variance,
            "within_bin_covariance": terms.within_bin_covariance,
            "sum": terms.brier,
        },
        "brier_skill": terms.skill,
        "nll": negative_log_likelihood(y, p),
        "calibration_intercept_slope": [cox.intercept.value, cox.slope.value],
        "calibration_in_the_large": cox.in_the_large.value,
        "platt_plain": [plain["intercept"][0], plain["slope"][0]],
        "platt_smoothed_targets": [platt["intercept"][0], platt["slope"][0]],
        "temperature": temperature["temperature"][0],
        "nll_after_T": negative_log_likelihood(y, recalibrate(fit("temperature", y, x), x)),
        "isotonic_fitted_first10": isotonic[:10].tolist(),
        "isotonic_brier": brier(y, isotonic),
        "hosmer_lemeshow10": {"chi2": groups.chi_squared, "df": groups.df, "p": groups.p_value},
        "net_benefit": [
            {"t": t, "model": benefit, "treat_all": everybody}
            for t, benefit, everybody in zip(
                curve.thresholds.tolist(), curve.net_benefit.tolist(), curve.treat_all.tolist(), strict=True
            )
        ],
        "aurc": risk.aurc,
        "e_aurc": risk.excess,
        "aurc_optimal": risk.optimal,
        "risk_at_coverage": {f"c{coverage}": risk.risk_at(coverage) for coverage in (1.0, 0.9, 0.8, 0.5)},
    }


def leaves(value: object, path: str = "") -> dict[str, float]:
    if isinstance(value, dict):
        return {at: leaf for key, inner in value.items() for at, leaf in leaves(inner, f"{path}.{key}").items()}
    if isinstance(value, list):
        return {at: leaf for i, inner in enumerate(value) for at, leaf in leaves(inner, f"{path}[{i}]").items()}
    return {path.removeprefix("."): value}


def test_that_every_number_of_the_reference_is_computed_and_equal() -> None:
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not on this machine")
    expected = json.loads((REFERENCE / "calibration.json").read_text())
    file, _ = expected.pop("data_file"), expected.pop("note")
    found, wanted = leaves(computed(*np.genfromtxt(REFERENCE / file, delimiter=",", skip_header=1).T)), leaves(expected)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key] == pytest.approx(value, abs=1e-5 if key.startswith(FITTED) else 1e-9), key


def test_that_the_multi_class_reference_has_its_temperature_and_its_classwise_error() -> None:
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not on this machine")
    table = np.genfromtxt(REFERENCE / "multiclass.csv", delimiter=",", skip_header=1)
    expected = json.loads((REFERENCE / "multiclass.json").read_text())
    classes, logits = table[:, 0].astype(int), table[:, 1:]
    (temperature,) = fit_multiclass_temperature(classes, logits).parameters["temperature"]
    assert temperature == pytest.approx(expected["temperature"], abs=1e-5)
    of_class = np.equal.outer(classes, np.arange(4)).astype(float)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert classwise_calibration_error(of_class, p) == pytest.approx(expected["classwise_ece15"], abs=1e-9)
    softened = np.exp(logits / temperature)
    softened /= softened.sum(axis=1, keepdims=True)
    assert -np.log(softened[of_class == 1]).mean() == pytest.approx(expected["nll_after_T"], abs=1e-9)
