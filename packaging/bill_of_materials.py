"""The software bill of materials of a bundle, as CycloneDX 1.6 in JSON."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import licences
from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from origins import Part
from packageurl import PackageURL

_NAMESPACE = uuid.UUID("6f1c9f0e-0a52-5d0c-9d5c-0c6c1f3f7b55")


def write(path: Path, parts: list[Part], version: str, seconds: int) -> None:
    """Write the bill of `parts` to `path`; `seconds` since 1970 is when, so that one commit has one bill.

    Raises SystemExit where the result is not valid against CycloneDX's schema.
    """
    (own,) = (part for part in parts if part.name == "xferviewer")
    application = _component(own, ComponentType.APPLICATION)
    bill = Bom(components=[_component(part) for part in parts if part is not own])
    bill.metadata.component = application
    bill.metadata.timestamp = datetime.fromtimestamp(seconds, UTC)
    bill.serial_number = uuid.uuid5(_NAMESPACE, version + "".join(f"\n{part.name} {part.version}" for part in parts))
    bill.register_dependency(application, bill.components)
    text = JsonV1Dot6(bill).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise SystemExit(f"The bill of materials does not follow its schema: {wrong}")
    path.write_text(text + "\n", encoding="utf-8")


def _component(part: Part, kind: ComponentType = ComponentType.LIBRARY) -> Component:
    place = PackageURL(part.kind if part.kind != "python" else "generic", _vendor(part), _normal(part), part.version)
    licence = licences.declared(part)
    references = []
    if part.distribution is not None:
        for url in part.distribution.metadata.get_all("Project-URL") or []:
            label, _, address = url.partition(", ")
            if label.lower() in ("source", "repository", "source code", "code", "github"):
                references.append(ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(address)))
    return Component(
        type=kind,
        name=part.name,
        version=part.version,
        purl=place,
        bom_ref=place.to_string(),
        licenses=[LicenseFactory().make_from_string(licence)] if not licence.startswith("see ") else [],
        external_references=references[:1],
        properties=[Property(name="xferviewer:files", value=str(len(part.files)))],
    )


def _vendor(part: Part) -> str | None:
    return "debian" if part.kind == "deb" else None


def _normal(part: Part) -> str:
    return part.name.lower().replace("_", "-") if part.kind == "pypi" else part.name
