"""Files that cannot be used at all: one clear sentence each."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from orchestrator.leadfile import (
    FOR_ENRICHMENT,
    FOR_PIPELINE,
    LeadField,
    LeadFileError,
    file_flaws,
    read_lead_file,
)

GivenFile = Callable[[str | bytes], Path]
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01"
XLSX = b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00[Content_Types].xml"
XLS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty; name the columns on its first line and add a row for each lead"),
        (b"\xef\xbb\xbf", "is empty; name the columns"),
        (b"\n\r\n\n", "is empty; name the columns"),
        (b"company,contact,email\n", "has a header but no rows; add a row for each lead"),
        (PNG, "is a picture, not a CSV; open it in its program and save it as CSV"),
        (XLSX, "looks like an Excel workbook (or another zip file), but is not whole; send it"),
        (XLS, "looks like an old Excel workbook, or one with a password; open it"),
        (b"%PDF-1.7\n", "is a PDF, not a CSV"),
        (bytes(range(256)) * 20, "is not text, so not a CSV"),
        (b"BEGIN:VCARD\nFN:Ana\n", "is a file of address cards (vCard), not a CSV"),
        (b'<?xml version="1.0"?><Workbook/>', "is an XML document, not a CSV"),
        (b"<html><table></table></html>", "is a web page, though its name may be"),
        (b"\xff\xfec\x00o", "is not sound UTF-16 text"),
    ],
)
def test_a_file_that_holds_no_leads_is_refused_in_one_sentence(
    given_file: GivenFile, content: bytes, sentence: str
) -> None:
    """Whatever else is handed in as a lead file, the sentence names what it is and what to do."""
    path = given_file(content)

    with pytest.raises(LeadFileError) as refused:
        read_lead_file(path)

    assert str(refused.value).startswith(f"{path} {sentence}")
    assert "\n" not in str(refused.value)


def test_a_missing_company_column_lists_the_columns_found(given_file: GivenFile) -> None:
    """The error names the columns that were found, and the name that is expected."""
    path = given_file("Cosa;Ciudad;\nAcme;Madrid;\n")

    with pytest.raises(LeadFileError) as refused:
        read_lead_file(path, needs=FOR_ENRICHMENT)

    assert str(refused.value) == (
        f"{path} has no company column (its columns: Cosa, Ciudad, (no name)); "
        "call the column with the companies 'company' or 'empresa', "
        "or say which it is: --column company=NAME"
    )


def test_the_pipeline_needs_people_too(given_file: GivenFile) -> None:
    """A list of companies is enough to enrich, but not to run the pipeline; more may be needed."""
    path = given_file("empresa\nAcme\n")

    with pytest.raises(LeadFileError, match="has no contact column"):
        read_lead_file(path)
    with pytest.raises(LeadFileError, match="has no contact and no email column"):
        read_lead_file(path, needs=FOR_PIPELINE | {LeadField.EMAIL})
    with pytest.raises(LeadFileError, match=r"has no phone column .*; call its column 'phone', or"):
        read_lead_file(path, needs=FOR_ENRICHMENT | {LeadField.PHONE})

    assert read_lead_file(path, needs=FOR_ENRICHMENT).length == 1


def test_a_spanish_owner_reads_in_spanish_why_a_file_is_refused(given_file: GivenFile) -> None:
    """Reason and hint, with all that fills them in."""
    path = given_file("Cosa;Ciudad;\nAcme;Madrid;\n")

    with pytest.raises(LeadFileError) as refused:
        read_lead_file(path, needs=FOR_PIPELINE)

    assert refused.value.sentence("es") == (
        f"{path} no tiene columna de empresa ni de contacto (sus columnas: Cosa, Ciudad, "
        "(sin nombre)); llame 'company' o 'empresa' a la columna de las empresas y llame "
        "'contact' o 'contacto' a la columna de las personas, o diga cuál es: "
        "--column company=NOMBRE"
    )


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """For a mistyped name the error is that the file does not exist."""
    path = tmp_path / "leeds.csv"

    with pytest.raises(LeadFileError) as refused:
        read_lead_file(path)

    assert str(refused.value) == (
        f"{path} does not exist; check the name of the file and of its folder"
    )


def test_a_directory_is_one_sentence(tmp_path: Path) -> None:
    """A folder in place of a file is named as such."""
    with pytest.raises(LeadFileError) as refused:
        read_lead_file(tmp_path)

    assert str(refused.value) == f"{tmp_path} is a directory; name a file"


class _Locked(type(Path())):  # type: ignore[misc]  # the class differs by platform
    """A file that its reader has no permission for, even if root runs the test."""

    def open(self, *_: object, **__: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")


def test_an_unreadable_file_is_one_sentence() -> None:
    """For a file without read permission the error is that."""
    with pytest.raises(LeadFileError) as refused:
        read_lead_file(_Locked("leads.csv"))

    assert str(refused.value) == (
        "leads.csv may not be used by you (permission denied); change its permissions"
    )


def test_the_error_crosses_processes_by_its_arguments() -> None:
    """Rebuilt from its arguments, the error reads the same."""
    error = LeadFileError.of(Path("leads.csv"), file_flaws.SEVERAL_FILES, count=1_000)

    rebuilt = LeadFileError(*error.args)

    sentence = "leads.csv is an archive of 1,000 files; unpack it and name one file"
    assert str(rebuilt) == str(error) == sentence
