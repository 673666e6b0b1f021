"""All sources, and which of them a folder is."""

from __future__ import annotations

from pathlib import Path

from xferviewer.errors import UnusableChoice, UnusableFolder
from xferviewer.studies.datasets.busi import BUSI
from xferviewer.studies.datasets.cbis_ddsm import CBIS_DDSM
from xferviewer.studies.datasets.chexpert import CHEXPERT
from xferviewer.studies.datasets.covidx_ct import COVIDX_CT
from xferviewer.studies.datasets.csv_table import CSV_TABLE
from xferviewer.studies.datasets.dermoscopy import HAM10000, ISIC, ISIC_2020
from xferviewer.studies.datasets.dicom_tree import DICOM_TREE
from xferviewer.studies.datasets.folder_per_class import FOLDER_PER_CLASS
from xferviewer.studies.datasets.kermany_oct2017 import KERMANY_OCT2017
from xferviewer.studies.datasets.medmnist import MEDMNIST
from xferviewer.studies.datasets.mimic_cxr import MIMIC_CXR_JPG
from xferviewer.studies.datasets.mrnet import MRNET
from xferviewer.studies.datasets.nih_chestxray14 import NIH_CHESTXRAY14
from xferviewer.studies.datasets.padchest import PADCHEST
from xferviewer.studies.datasets.patchcamelyon import PATCHCAMELYON
from xferviewer.studies.datasets.radimagenet import RADIMAGENET_ACL, RADIMAGENET_BREAST
from xferviewer.studies.datasets.source import Source
from xferviewer.studies.datasets.vindr_cxr import VINDR_CXR

PUBLISHED = (
    NIH_CHESTXRAY14, CHEXPERT, MIMIC_CXR_JPG, PADCHEST, VINDR_CXR, KERMANY_OCT2017, COVIDX_CT, BUSI, MRNET,
    RADIMAGENET_ACL, RADIMAGENET_BREAST, HAM10000, ISIC, ISIC_2020, PATCHCAMELYON, MEDMNIST, CBIS_DDSM,
)  # fmt: skip
GENERIC = (DICOM_TREE, CSV_TABLE, FOLDER_PER_CLASS)
"""Layouts that are nobody's own, from the most to the least particular: asked when no published one fits."""
SOURCES = PUBLISHED + GENERIC


def source_of(key: str) -> Source:
    """The source of a key. Raises UnusableChoice."""
    for source in SOURCES:
        if source.key == key:
            return source
    raise UnusableChoice(
        f"There is no source {key}.",
        f"The sources are {', '.join(source.key for source in SOURCES)}.",
        "Name one of them.",
    )


def find_source(folder: Path) -> Source:
    """The source that a folder has the layout of. Raises UnusableFolder where it has none, or those of several."""
    found = [source for source in PUBLISHED if source.detect(folder)]
    if len(found) > 1:
        raise UnusableFolder(
            f"It is not clear what {folder.name} is.",
            f"It has the layouts of {', '.join(source.key for source in found)}.",
            "Name one of them in place of auto.",
        )
    generic = (source for source in GENERIC if source.detect(folder))
    source = next(iter(found), None) or next(generic, None)
    if source is None:
        raise UnusableFolder(
            f"{folder} is of no layout that is known.",
            "No published data set has such names, there are no folders of classes, and no table names its images.",
            "Name the folder that was unpacked; docs/datasets.md lists the layouts. Or write a labels.csv.",
        )
    return source
