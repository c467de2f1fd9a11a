"""Which column holds what, by the names that people give columns in English and Spanish."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from .cells import fold


class LeadField(StrEnum):
    """The fields that a lead file can have."""

    COMPANY = "company"
    CONTACT = "contact"
    EMAIL = "email"
    WEBSITE = "website"
    COUNTRY = "country"
    PHONE = "phone"
    SOURCE = "source"
    NOTES = "notes"


FOR_PIPELINE = frozenset({LeadField.COMPANY, LeadField.CONTACT, LeadField.EMAIL})
"""What `run` needs of every row."""
FOR_ENRICHMENT = frozenset({LeadField.COMPANY})
"""What a list of companies needs of every row."""

Columns = Mapping[LeadField, tuple[int, ...]]
"""Column numbers from 0. Only a contact can have two: given name and surname."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(fold(name) for name in text.split(","))


# The more specific name wins where two columns could be meant, so it comes first.
_SYNONYMS: Mapping[LeadField, tuple[str, ...]] = {
    LeadField.COMPANY: _names(
        "company,company name,empresa,nombre de la empresa,nombre de empresa,nombre empresa,"
        "compañía,nombre de la compañía,razón social,denominación social,razão social,sociedad,"
        "organization,organization name,organisation,organisation name,organización,organização,"
        "account,account name,cuenta,nombre de la cuenta,business,business name,negocio,firm,"
        "firma,employer,cliente,customer,client"
    ),
    LeadField.CONTACT: _names(
        "contact,contact name,full name,contacto,nombre de contacto,nombre del contacto,"
        "persona de contacto,contact person,nombre completo,nombre y apellidos,contato,"
        "lead name,nombre del lead,person,persona,first name,given name,nombre,nombres,nome,name"
    ),
    LeadField.EMAIL: _names(
        "email,e-mail,email address,e-mail address,correo electrónico,correo,mail,"
        "dirección de correo,dirección de correo electrónico,work email,business email,"
        "email de contacto,correo de contacto,contact email,email del contacto"
    ),
    LeadField.WEBSITE: _names(
        "website,web site,web,sitio web,sitio,página web,página,site,url,company website,"
        "website url,homepage,domain,company domain,dominio,company domain name"
    ),
    LeadField.COUNTRY: _names(
        "country,país,country code,código de país,country region,país región,nation,pais iso"
    ),
    LeadField.PHONE: _names(
        "phone,phone number,teléfono,número de teléfono,teléfono de contacto,telephone,tel,tfno,"
        "tlf,teléfono móvil,móvil,celular,mobile,mobile phone,telefone,work phone"
    ),
    LeadField.SOURCE: _names(
        "source,lead source,origen,origen del lead,fuente,procedencia,canal,channel,origem"
    ),
    LeadField.NOTES: _names(
        "notes,note,notas,nota,comments,comment,comentarios,comentario,observaciones,remarks,"
        "description,descripción"
    ),
}
_SURNAME = _names("last name,surname,family name,apellidos,apellido,sobrenome")


def find_columns(header: Sequence[str]) -> Columns:
    """Return the columns of *header* whose names are known; the others are kept, not read."""
    names = [fold(cell) for cell in header]
    found: dict[LeadField, tuple[int, ...]] = {}
    for field, synonyms in _SYNONYMS.items():
        column = _first_known(names, synonyms)
        if column is not None:
            found[field] = (column,)
    surname = _first_known(names, _SURNAME)
    if surname is not None:
        found[LeadField.CONTACT] = (*found.get(LeadField.CONTACT, ()), surname)
    return MappingProxyType(found)


def _first_known(names: Sequence[str], synonyms: Iterable[str]) -> int | None:
    return next((names.index(synonym) for synonym in synonyms if synonym in names), None)
