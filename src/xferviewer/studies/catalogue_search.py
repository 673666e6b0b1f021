"""The words of the worklist's search field as a condition in SQL, and the columns that the worklist sorts by."""

from __future__ import annotations

# What may follow ORDER BY, each with an index of its own; ids that differ by leading zeros alone sort as text, like
# everywhere else.
ORDERS = {
    "id": "study.id",
    "patient_id": "study.patient_id",
    "study_uid": "study.study_uid",
    "sex": "study.sex",
    "age": "study.age",
    "view": "study.view",
    "modality": "study.modality",
    "study_date": "study.study_date",
    "site": "study.site",
    "split": "study.split",
    "labels": "study.labels",
    "n_images": "study.n_images",
    "first_path": "study.first_path",
}
_NUMBERS = ("study.id", "study.age", "study.n_images", "study_label.value")
_ASKED_BY_NAME = ("patient_id", "study_uid", "sex", "view", "modality", "study_date", "site", "split")
_NAMES = {"patient": "patient_id", "study": "study_uid", "date": "study_date"}


def stated_and_not(column: str) -> tuple[str, str]:
    """The conditions that a column of ORDERS says something and that it does not; its index answers both.

    Written out: a NOT before the first one would be answered by reading all rows.
    """
    if column in _NUMBERS:
        return f"{column} IS NOT NULL", f"{column} IS NULL"
    return f"{column} > ''", f"{column} = ''"  # no column of text is ever NULL


def search_condition(search: str) -> tuple[str, list[str]]:
    """A condition on `study` that is true where all words are found, and its parameters.

    "view:PA" and "finding:Edema" ask one column for exactly that word, any other word is looked for everywhere.
    """
    conditions, parameters = ["TRUE"], []
    for word in search.split():
        name, colon, value = word.partition(":")
        column = _NAMES.get(name.lower(), name.lower())
        if colon and column in _ASKED_BY_NAME:
            conditions.append(f"study.{column} = ? COLLATE NOCASE")
            parameters.append(value)
        elif colon and column == "finding":
            conditions.append(
                "EXISTS (SELECT 1 FROM study_label WHERE study_label.study = study.id AND study_label.value = 1 "
                "AND study_label.finding = ? COLLATE NOCASE)"
            )
            parameters.append(value)
        else:
            conditions.append("instr(study.searched, ?) > 0")
            parameters.append(word.casefold())
    return " AND ".join(conditions), parameters
