"""Tags of a DICOM file that tell who the patient is.

Attributes of the Basic Application Level Confidentiality Profile (DICOM PS3.15, table E.1-1) that name people, places,
numbers or days. UIDs are not looked at: they lead to a patient only with the archive that gave them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_modules.phi.found import Weight

_PEOPLE = (
    "PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "ResponsiblePerson",
    "ReferringPhysicianName", "PerformingPhysicianName", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy",
    "RequestingPhysician", "OperatorsName", "ConsultingPhysicianName", "ContentCreatorName", "ReviewerName",
    "VerifyingObserverName", "PersonName",
)  # fmt: skip
_NUMBERS = (
    "PatientID", "OtherPatientIDs", "IssuerOfPatientID", "AccessionNumber", "MilitaryRank", "MedicalRecordLocator",
    "AdmissionID", "FillerOrderNumberImagingServiceRequest", "PlacerOrderNumberImagingServiceRequest",
    "RequestedProcedureID", "ContainerIdentifier", "SpecimenIdentifier", "BarcodeValue",
)  # fmt: skip
_PLACES = (
    "PatientAddress", "PatientTelephoneNumbers", "CountryOfResidence", "RegionOfResidence", "InstitutionName",
    "InstitutionAddress", "InstitutionalDepartmentName", "StationName", "ReferringPhysicianAddress",
    "ReferringPhysicianTelephoneNumbers", "CurrentPatientLocation",
)  # fmt: skip
_DAYS = (
    "PatientBirthDate", "PatientBirthTime", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate",
    "AcquisitionDateTime", "AdmittingDate", "InstanceCreationDate", "PerformedProcedureStepStartDate",
)  # fmt: skip
_TEXTS = (
    "PatientComments", "AdditionalPatientHistory", "ImageComments", "StudyComments", "RequestAttributesSequence",
    "LabelText", "TextValue",
)  # fmt: skip
_IDENTIFIES = {
    **dict.fromkeys(_PEOPLE, "name of a person"), **dict.fromkeys(_NUMBERS, "number of a patient or order"),
    **dict.fromkeys(_PLACES, "place or institution"), **dict.fromkeys(_DAYS, "day or time"),
}  # fmt: skip
_EMPTIED = {
    "",
    "ANON",
    "ANONYMOUS",
    "ANONYMIZED",
    "ANONYMISED",
    "REMOVED",
    "DEIDENTIFIED",
    "DE-IDENTIFIED",
    "NONE",
    "UNKNOWN",
}
_NO_DAYS = {"19000101", "00010101", "000000", "000000.000000"}


def is_dicom(path: Path) -> bool:
    """By the four letters after the preamble."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def tags(path: Path) -> Iterator[tuple[str, str, Weight, str]]:
    """Tag, what it holds, how that weighs, and the value itself (to be hidden); sequences are gone through.

    A patient's number in a file that says PatientIdentityRemoved is a pseudonym and passes.

    Raises:
        FusionError: the header cannot be read.
    """
    import pydicom

    from fusion.contract import FusionError

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, force=False)
        yield from _of(header, removed=str(header.get("PatientIdentityRemoved", "")).upper() == "YES")
    except (OSError, ValueError, AttributeError, NotImplementedError, pydicom.errors.InvalidDicomError) as error:
        raise FusionError(f"its DICOM header cannot be read ({type(error).__name__})") from error


def _of(header: Any, *, removed: bool) -> Iterator[tuple[str, str, Weight, str]]:
    private = 0
    for element in header.iterall():
        private += bool(element.tag.is_private)
        name = element.keyword
        if element.VR == "SQ" or not name:
            continue
        value = str(element.value or "").strip()
        if value.upper() in _EMPTIED or value in _NO_DAYS or (name == "PatientID" and removed):
            continue
        if name in _IDENTIFIES:
            yield name, _IDENTIFIES[name], "identifies", value
        elif name in _TEXTS:
            yield name, "free text", "look", ""
        elif name == "ImageType" and "'LABEL'" in value:
            yield name, "photograph of a slide's label", "identifies", ""
        elif name in ("BurnedInAnnotation", "RecognizableVisualFeatures") and value.upper() == "YES":
            yield name, "text or a face in the pixels", "identifies", ""
    if private:
        yield f"{private} private tags", "whatever the maker of the scanner writes", "look", ""
