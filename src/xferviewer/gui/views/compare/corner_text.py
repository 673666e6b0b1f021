"""The words in a pane's corners, as rich text. Pure functions: what they say is tested without a window."""

from __future__ import annotations

from html import escape
from textwrap import wrap

from PySide6.QtCore import QPointF

from xferviewer.checkpoints import Checkpoint
from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.gui.display import ShownImage
from xferviewer.gui.input_guard import InputGuard
from xferviewer.gui.number_text import probability_text, score_kind_text
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare.looks import Look
from xferviewer.gui.windowing import window_words
from xferviewer.protocol import Explained
from xferviewer.saliency_methods import MapChoice
from xferviewer.studies.film_measurements import value_text
from xferviewer.studies.images import Image

_LONGEST_LINE = 40  # letters: the corner above the film is narrow


def patient_text(shown: ShownImage | None, *, hide_identity: bool) -> str:
    """Patient, sex, age; study date, view and site. Without patient and date where these are to be hidden."""
    if shown is None:
        return ""
    study = shown.study
    who = "" if hide_identity else study.patient_id
    age = f"{study.age:.0f} y" if study.age is not None else ""
    lines = [
        " ".join(part for part in (who, study.sex, age) if part),
        " ".join(part for part in (study.modality, study.view, "" if hide_identity else study.study_date) if part),
        f"site {study.site}" if study.site else "",
    ]
    return "<br>".join(escape(line) for line in lines if line)


def image_text(shown: ShownImage | None, image: Image | None, look: Look, zoom: float, *, short: bool = False) -> str:
    """Place in the series, window, zoom, polarity, and how the film is turned. `short`: the window's numbers alone."""
    if shown is None or image is None:
        return ""
    lines = []
    if len(shown.images) > 1:
        lines.append(f"image {shown.index + 1} of {len(shown.images)}")
    if image.frames > 1:
        lines.append(f"frame {shown.frame + 1} of {image.frames}")
    lines.append(window_words(image, look.window, short=short))
    if look.inverted:
        lines.append("inverted by you")
    if look.turn.words():
        lines.append(f"{look.turn.words()} by you")
    if image.orientation is None:
        lines.append("orientation unknown")
    lines.append(f"zoom {100 * zoom:.0f} %")
    return "<br>".join(escape(line) for line in lines if line)


def pixel_text(image: Image | None, cursor: QPointF | None) -> str:
    """The pixel under the cursor in the file's unit."""
    if image is None or cursor is None:
        return ""
    row, column = int(cursor.y() // 1), int(cursor.x() // 1)
    rows, columns = image.pixels.shape[:2]
    if not (0 <= row < rows and 0 <= column < columns):
        return ""
    value = image.pixels[row, column]
    shown = ", ".join(str(v) for v in value) if image.is_colour else f"{value_text(value)} {image.unit}".strip()
    return escape(f"row {row}, column {column}: {shown}")


def result_text(
    session: Session,
    shown: ShownImage,
    checkpoint: Checkpoint,
    style: CheckpointStyle,
    explained: Explained | None,
    index: int,
) -> str:
    """Checkpoint, finding with its probability in an image and the kind of that, and the state of the map."""
    name = f'<span style="color:{style.colour}">■</span> <b>{escape(checkpoint.name)}</b>'
    if not session.classifiers.is_trained(checkpoint.digest, session.finding):
        return f"{name}<br>{escape(session.finding)}: not trained"
    identity, chosen = shown.reference.identity, shown == session.shown
    probability = session.scores.score(checkpoint.weights_sha256, identity, session.finding)
    if probability is None and identity in session.scores.identities(checkpoint.digest):
        return f"{name}<br>{escape(session.finding)}: not calibrated"
    failed = bool(session.scores.failure(checkpoint.weights_sha256, identity))
    if probability is None:
        waiting = "computing …" if chosen or shown.frame == 0 else "predicted when this frame is chosen"
        return f"{name}<br>{'no prediction' if failed else waiting}"
    positive = probability > session.operating_points.threshold(checkpoint.weights_sha256, session.finding)
    kind = score_kind_text(session.scores.kind(checkpoint.digest))
    value = f"{escape(session.finding)} <b>{escape(probability_text(probability))}</b> ({kind})"
    state = "above" if positive else "not above"
    lines = [name, value, f"{state} its threshold"]
    if chosen:
        lines.append(_map_text(session, checkpoint, explained, index, failed=failed))
    return "<br>".join(line for line in lines if line)


def _map_text(
    session: Session, checkpoint: Checkpoint, explained: Explained | None, index: int, *, failed: bool
) -> str:
    """How the map was made, unless in the standard way; what it says of no finding; why there is none."""
    choice = session.maps.choice
    if explained is None:
        note = session.maps.note(checkpoint.weights_sha256)
        if note:
            return f"{choice.facts.title}: {escape(note)}"
        return "no map" if failed else "map: computing …"
    if explained.refused:
        reason = "<br>".join(escape(line) for line in wrap(explained.refused, _LONGEST_LINE))
        return f"no map by {choice.facts.title}:<br>{reason}"
    place = f" at<br>{escape(explained.layer)}" if choice.facts.takes_layers else ""
    made = "" if choice == MapChoice() else f"{choice.facts.title}{place}"
    if choice.facts.class_agnostic:
        return f"{made}<br><b>the same for every finding</b>"
    if index >= 0 and explained.strengths[index] == 0:
        return f"{made}{'<br>' if made else ''}map: no positive evidence"
    return made


def input_mark(inputs: InputGuard, digest: str) -> str:
    """The kinds of the shown image's flags, else that the cohort is unlike training; empty where nothing is."""
    kinds = [flag.kind for flag in inputs.flags_shown(digest)]
    what = f"input: {', '.join(kinds)}" if kinds else "cohort unlike training"
    mark = inputs.mark(digest)
    return f"{mark} {what}" if mark else ""
