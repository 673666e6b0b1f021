"""One step of a slider in the Evaluate perspective, from the slider to the painted window, beside scikit-learn.

8 checkpoints × 14 findings × 100,000 images, each slider moved as a hand moves it; python -m benchmarks.sliders
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

N_CHECKPOINTS, N_FINDINGS, N_IMAGES, STEPS = 8, 14, 100_000, 30


def cohort_and_scores() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Labels (images, findings), about as frequent as in ChestX-ray14, and scores (checkpoints, images, findings)."""
    random = np.random.default_rng(4)
    labels = (random.random((N_IMAGES, N_FINDINGS)) < np.linspace(0.002, 0.18, N_FINDINGS)).astype(np.float64)
    scores = random.normal(size=(N_CHECKPOINTS, N_IMAGES, N_FINDINGS)) + 1.2 * labels - 2
    return labels, 1 / (1 + np.exp(-scores))


def by_scikit_learn(labels: NDArray[np.float64], scores: NDArray[np.float64], rate: float, threshold: float) -> None:
    """Areas, counts and curves of what is retained, for every checkpoint and finding, without any interval."""
    from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

    for of_checkpoint in scores:
        for k in range(N_FINDINGS):
            kept = np.argsort(np.abs(of_checkpoint[:, k] - threshold), kind="stable")[int(rate * N_IMAGES) :]
            y, p = labels[kept, k], of_checkpoint[kept, k]
            roc_auc_score(y, p)
            confusion_matrix(y, p > threshold)
            if k == 0:
                roc_curve(y, p)


def milliseconds(work: Callable[[], object]) -> float:
    """One run."""
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    """Print every figure."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QCoreApplication, QEventLoop

    from xferviewer import settings
    from xferviewer.gui import app, running, theme
    from xferviewer.gui.cohort import NO_FILM, Cohort, ImportedPredictions

    labels, scores = cohort_and_scores()
    plain = milliseconds(lambda: by_scikit_learn(labels, scores, 0.15, 0.3))
    images, findings = tuple(f"{i}.png" for i in range(N_IMAGES)), tuple(f"finding {k}" for k in range(N_FINDINGS))
    nowhere, sites = (NO_FILM,) * N_IMAGES, tuple("ABC"[i % 3] for i in range(N_IMAGES))
    cohort = Cohort(
        "cohort", images, ("",) * N_IMAGES, nowhere, nowhere, findings, labels, columns={"site": sites}
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as home:
        qt = running.make_qt_application()
        theme.apply(qt, theme.read_theme("dark"))
        chosen = settings.Settings(notice_seen=True)
        application = app.Application(app.Folders.under(Path(home), demo=False), chosen, demo=False)
        window, session, numbers = application.window, application.session, application.numbers
        session.put_cohort(cohort)
        session.set_imported(
            ImportedPredictions(f"table {c}", f"net {c}", f"net {c}", findings, images, scores[c])
            for c in range(N_CHECKPOINTS)
        )
        window.resize(1600, 1000)
        window.show()
        window.show_perspective("evaluate")
        begun = time.perf_counter()
        while numbers.is_filling:
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
        filled = time.perf_counter() - begun

        def settle() -> None:
            for _ in range(6):
                QCoreApplication.sendPostedEvents()
                QCoreApplication.processEvents()

        def step(move: Callable[[int], object], place: int) -> float:
            def moved() -> None:
                move(place)
                settle()

            return milliseconds(moved)

        rates = np.linspace(0, 0.9, 46).tolist()

        def count_everything() -> None:
            """Every area with its interval, and of the chosen finding counts, rates, curves and retained rates."""
            for finding in findings:
                for digest in numbers.compared(finding).digests:
                    numbers.referral.retained_auc(finding, digest)
            numbers.referral.state(findings[0])
            for digest in numbers.compared(findings[0]).digests:
                numbers.referral.retained_curve(findings[0], digest)
            numbers.referral.retained_along(findings[0], session.active, rates)

        for measure in ("finding", "case"):
            session.set_uncertainty(measure)  # type: ignore[arg-type]
            while numbers.is_filling:
                QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
            for name, move, first in (
                ("referral", window.referral.rate.setValue, 10),
                ("threshold", window.referral.threshold.setValue, 300),
            ):
                step(move, first)
                taken = [step(move, first + 1 + i) for i in range(STEPS)]
                median, worst = statistics.median(taken), max(taken)
                window.show_perspective("train")  # nothing of Evaluate is painted
                alone = []
                for i in range(STEPS):
                    move(first + STEPS + 1 + i)
                    settle()
                    alone.append(milliseconds(count_everything))
                window.show_perspective("evaluate")
                settle()
                print(
                    f"{name} slider, uncertain by {measure}, {N_CHECKPOINTS} x {N_FINDINGS} x {N_IMAGES:,}: "
                    f"{statistics.median(alone):.1f} ms a step for areas, rates and curves, {median:.1f} ms with the "
                    f"window painted (worst {worst:.1f}); scikit-learn {plain:.0f} ms without intervals and painting: "
                    f"{plain / statistics.median(alone):.0f} and {plain / median:.0f} times as fast"
                )
        print(f"everything counted in the background {filled:.1f} s after the cohort was opened")
        window.close()
        application.close()


if __name__ == "__main__":
    main()
