"""What is said of the inputs of a cohort, in tool tips and beside cards."""

from __future__ import annotations

from xferviewer.gui.session import Session


def cohort_words(session: Session) -> str:
    """What the cohort is like to the checkpoints, those of whom the same is said together; empty where nothing is."""
    said: dict[str, list[str]] = {}
    for compared in session.classifiers.all:
        cohorts = [each for each in session.inputs.cohort(compared.digest) if each.marked]
        words = " ".join(dict.fromkeys(sentence for each in cohorts for sentence in each.sentences()))
        if words:
            said.setdefault(words, []).append(compared.name)
    return "\n".join(f"{', '.join(names)}: {words}" for words, names in said.items())


def inputs_text(session: Session, digest: str) -> str:
    """A line or two for the card of a checkpoint: how its inputs here compare with those that it was trained on."""
    lines = []
    for each in session.inputs.cohort(digest):
        if each.marked:
            lines += each.sentences()
        elif each.compared:
            lines.append(f"{each.images} images of the cohort were looked at; they are like its training images.")
        else:
            lines.append("Its card does not say what its training images were like (xferviewer describe-inputs).")
    return "\n".join(dict.fromkeys(lines))
