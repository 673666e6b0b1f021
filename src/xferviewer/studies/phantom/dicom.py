"""A film as a DICOM file: Digital X-Ray Image Storage - For Presentation (PS3.3 A.26)."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

from xferviewer.studies.phantom.patients import Purpose, generator

if TYPE_CHECKING:
    from xferviewer.studies.phantom.film import Film
    from xferviewer.studies.phantom.patients import Study

# Taken in turn by the index of the film.
TRANSFER_SYNTAXES = (
    "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Image Compression (Lossless Only)
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.5",  # RLE Lossless
)
_DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"


def synthetic_uid(*parts: object) -> str:
    """A UID under 2.25 (PS3.5 B.2) that depends on `parts` alone."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big') >> 1}"


def sop_instance_uid(study: Study) -> str:
    """The SOP Instance UID of the film of a study."""
    return synthetic_uid("xferviewer phantom", study.seed, study.site.name, study.index, "image")


def study_instance_uid(study: Study) -> str:
    """The Study Instance UID of a study."""
    return synthetic_uid("xferviewer phantom", study.seed, study.site.name, study.index, "study")


def encode(film: Film) -> bytes:
    """The film as the bytes of a DICOM file, in the transfer syntax that its index chooses; lossless in each."""
    from pydicom.dataset import FileMetaDataset

    dataset = _dataset(film)
    syntax = TRANSFER_SYNTAXES[film.study.index % len(TRANSFER_SYNTAXES)]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = TRANSFER_SYNTAXES[0]
    dataset.file_meta.ImplementationClassUID = synthetic_uid("xferviewer phantom", "implementation")
    dataset.file_meta.ImplementationVersionName = "XFERVIEWER"
    dataset.PixelData = film.pixels.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    if syntax != TRANSFER_SYNTAXES[0]:
        dataset.compress(
            syntax,
            encoding_plugin="pylibjpeg" if syntax != "1.2.840.10008.1.2.4.80" else "pyjpegls",
            generate_instance_uid=False,
        )
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _dataset(film: Film) -> Any:
    from pydicom.dataset import Dataset

    dataset = Dataset()
    for module in (_patient_and_study, _series_and_equipment, _image, _pixels, _acquisition):
        for keyword, value in module(film).items():
            setattr(dataset, keyword, value)
    return dataset


def _coded(value: str, scheme: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _study_date(study: Study) -> tuple[str, str]:
    """A date in the first year of the calendar's 2000s that no patient has: days and seconds drawn from the seed."""
    draw = generator(study.seed, study.site.name, Purpose.DATE, study.index)
    day, second = int(draw.integers(28)), int(draw.integers(7 * 3600, 19 * 3600))
    month = int(draw.integers(1, 7)) + 6 * study.follow_up
    return f"2000{month:02d}{day + 1:02d}", f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}"


def _patient_and_study(film: Film) -> dict[str, Any]:
    study = film.study
    date, time = _study_date(study)
    return {
        "PatientName": study.patient.name,
        "PatientID": study.patient.patient_id,
        "PatientBirthDate": "",
        "PatientSex": study.patient.sex,
        "PatientAge": f"{study.age:03d}Y",
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "Synthetic: no patient exists",
        "StudyInstanceUID": study_instance_uid(study),
        "StudyDate": date,
        "StudyTime": time,
        "ReferringPhysicianName": "",
        "StudyID": str(study.follow_up + 1),
        "AccessionNumber": "",
        "StudyDescription": "Synthetic chest radiograph",
    }


def _series_and_equipment(film: Film) -> dict[str, Any]:
    study = film.study
    return {
        "Modality": "DX",
        "SeriesInstanceUID": synthetic_uid("xferviewer phantom", study.seed, study.site.name, study.index, "series"),
        "SeriesNumber": 1,
        "SeriesDescription": f"Chest {study.view}",
        "PresentationIntentType": "FOR PRESENTATION",
        "Manufacturer": study.site.manufacturer,
        "ManufacturerModelName": "Phantom",
        "InstitutionName": f"Site {study.site.name}",
        "DeviceSerialNumber": f"{study.site.name}-{study.seed}",
        "SoftwareVersions": "1",
    }


def _image(film: Film) -> dict[str, Any]:
    study = film.study
    date, time = _study_date(study)
    return {
        "SOPClassUID": _DX_FOR_PRESENTATION,
        "SOPInstanceUID": sop_instance_uid(study),
        "InstanceNumber": 1,
        "ContentDate": date,
        "ContentTime": time,
        "AcquisitionDate": date,
        "AcquisitionTime": time,
        "ImageType": ["DERIVED", "PRIMARY"],
        "DerivationDescription": "Computed from a parametric anatomy; synthetic, no patient exists",
        "ImageComments": "SYNTHETIC. For research, not for diagnosis.",
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "PatientOrientation": ["L", "F"],
        "ImageLaterality": "U",
        "AnatomicRegionSequence": [_coded("43799004", "SCT", "Chest")],
        "BodyPartExamined": "CHEST",
        "ViewPosition": study.view,
        "ViewCodeSequence": [_view_code(study.view)],
        "PatientOrientationCodeSequence": [
            _coded("102538003", "SCT", "recumbent") if study.supine else _coded("10904000", "SCT", "erect")
        ],
        "AcquisitionContextSequence": [],
        "PresentationLUTShape": "INVERSE" if film.photometric == "MONOCHROME1" else "IDENTITY",
    }


def _view_code(view: str) -> Any:
    return (
        _coded("399348003", "SCT", "antero-posterior")
        if view == "AP"
        else _coded("272479007", "SCT", "postero-anterior")
    )


def _pixels(film: Film) -> dict[str, Any]:
    rows, columns = film.pixels.shape
    return {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": film.photometric,
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": 16,
        "BitsStored": film.bits_stored,
        "HighBit": film.bits_stored - 1,
        "PixelRepresentation": 0,
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": 1 if film.photometric == "MONOCHROME1" else -1,
        "RescaleIntercept": "0",
        "RescaleSlope": "1",
        "RescaleType": "US",
        "WindowCenter": str(film.window[0]),
        "WindowWidth": str(film.window[1]),
        "VOILUTFunction": "LINEAR",
    }


def _acquisition(film: Film) -> dict[str, Any]:
    spacing = [f"{film.pixel_spacing_mm:.6f}"] * 2
    return {
        "ImagerPixelSpacing": spacing,
        "DetectorType": "STORAGE" if film.study.site.name == "C" else "SCINTILLATOR",
        "KVP": f"{film.kvp:.0f}",
        "ExposureInuAs": "",
        "DistanceSourceToDetector": f"{film.source_mm:.0f}",
        "FieldOfViewShape": "RECTANGLE",
        "PositionerType": "NONE" if film.study.view == "AP" else "COLUMN",
    }
