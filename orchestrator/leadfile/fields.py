"""Reads the fields of a lead from the cells of one row."""

from collections.abc import Callable
from functools import lru_cache

from orchestrator.identity import InvalidCompanyName, ParsedName, company_domain, parse_name

from . import values
from .formula import unguard
from .header import LeadField
from .model import LeadFields, Level, RowProblem
from .records import Record
from .sheet import Sheet
from .text import shown, visible

# A file names the same companies again and again, mostly close together.
_parse_name = lru_cache(maxsize=1_024)(parse_name)


class FieldReader:
    """One row being read; `problems` fills up as the fields are asked for.

    What is wrong with a field that the sheet needs is an error; another field is left out with
    a warning.
    """

    def __init__(self, sheet: Sheet, record: Record) -> None:
        self._sheet = sheet
        self._record = record
        self.problems: list[RowProblem] = []

    def lead(self) -> LeadFields | None:
        """Return the fields, None where an error stands against the row."""
        name = self._checked(LeadField.COMPANY, str)
        company = self._identified(name) if name else None
        website = self._checked(LeadField.WEBSITE, values.website)
        country = self._checked(LeadField.COUNTRY, values.country)
        contact = self._checked(LeadField.CONTACT, str)
        email = self._checked(LeadField.EMAIL, values.email_address)
        phone = self._phone(country)
        if name is None or company is None or self._has_error():
            return None
        if not company.distinctive and not (company_domain(website) or company_domain(email)):
            self._complain(
                LeadField.COMPANY,
                f"'{shown(name)}' could be any of many companies; nothing is bought for it",
                "write the full name or add its website",
                Level.WARNING,
            )
        return LeadFields(
            company=name,
            company_key=company.key,
            contact=contact,
            email=email,
            website=website,
            country=country,
            phone=phone,
            source=self._text(LeadField.SOURCE) or None,
            notes=self._text(LeadField.NOTES) or None,
        )

    def _has_error(self) -> bool:
        return any(problem.level is Level.ERROR for problem in self.problems)

    def _identified(self, name: str) -> ParsedName | None:
        try:
            return _parse_name(name)
        except InvalidCompanyName as error:
            message = f"'{shown(name)}' is not a company name ({error.reason})"
            self._complain(LeadField.COMPANY, message, "write the name of the company")
            return None

    def _checked(self, field: LeadField, check: Callable[[str], str]) -> str | None:
        text = self._text(field)
        if not text:
            if field in self._sheet.needs:
                self._complain(field, self._blankness(field), "fill it in or delete the row")
            return None
        try:
            return check(text)
        except values.BadValueError as bad:
            level = Level.ERROR if field in self._sheet.needs else Level.WARNING
            self._complain(field, bad.message, bad.hint, level)
            return None

    def _phone(self, country: str | None) -> str | None:
        text = self._text(LeadField.PHONE)
        try:
            if text:
                values.check_phone(text, country)
        except values.BadValueError as bad:
            self._complain(LeadField.PHONE, bad.message, bad.hint, Level.WARNING)
        return text or None

    def _text(self, field: LeadField) -> str:
        if field not in self._sheet.columns:  # as most are, in a list of companies
            return ""
        return " ".join(filter(None, (visible(unguard(cell)) for cell in self._cells(field))))

    def _cells(self, field: LeadField) -> list[str]:
        cells = self._record.cells
        return [cells[i] for i in self._sheet.columns.get(field, ()) if i < len(cells)]

    def _blankness(self, field: LeadField) -> str:
        typed = "".join(self._cells(field)).strip(" \t")
        return "holds only characters that nobody can see" if typed else "is missing"

    def _complain(
        self, field: LeadField, message: str, hint: str, level: Level = Level.ERROR
    ) -> None:
        column = self._sheet.columns[field][0]
        problem = self._sheet.problem(self._record.line, column, message, hint, level=level)
        self.problems.append(problem)
