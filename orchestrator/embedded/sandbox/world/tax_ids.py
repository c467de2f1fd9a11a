"""Invented tax ids with valid check digits, from ranges that no authority hands out. Pure."""

from collections.abc import Callable

from stdnum.ar import cuit
from stdnum.br import cnpj
from stdnum.cl import rut
from stdnum.co import nit
from stdnum.es import cif
from stdnum.mx import rfc
from stdnum.pe import ruc
from stdnum.pt import nif

from orchestrator.embedded.sandbox.fake_data import SeededRandom


def invent_tax_id(kind: str, random: SeededRandom) -> str:
    """Return a tax id of *kind*, one of `KINDS`, in its compact form."""
    return _MAKERS[kind](random)


def formatted(kind: str, number: str, style: int) -> str:
    """Return a compact tax id as pages write it; *style* selects one of the ways.

    >>> formatted("CNPJ", "99123456000180", 1), formatted("CIF", "B00123450", 0)
    ('99.123.456/0001-80', 'B00123450')
    """
    ways = [number, *(way(number) for way in _FORMATS.get(kind, ()))]
    return ways[style % len(ways)]


def _digits(random: SeededRandom, count: int) -> str:
    return "".join(str(random.between(0, 9)) for _ in range(count))


def _cif(random: SeededRandom) -> str:
    # Province 00 does not exist.
    number = random.pick(("A", "B")) + "00" + _digits(random, 5)
    return number + cif.calc_check_digits(number)[0]


def _rfc(random: SeededRandom) -> str:
    letters = "".join(random.pick("BCDFGHJKLMNPQRSTVWXYZ") for _ in range(3))
    born = f"{random.between(70, 99)}{random.between(1, 12):02}{random.between(1, 28):02}"
    number = letters + born + random.pick("ABCDEFGH") + _digits(random, 1)
    return number + rfc.calc_check_digit(number)


def _cnpj(random: SeededRandom) -> str:
    number = "99" + _digits(random, 6) + "0001"
    return number + cnpj.calc_check_digits(number)


def _rut(random: SeededRandom) -> str:
    number = "98" + _digits(random, 6)
    return number + rut.calc_check_digit(number)


def _nit(random: SeededRandom) -> str:
    number = "999" + _digits(random, 6)
    return number + nit.calc_check_digit(number)


def _ruc(random: SeededRandom) -> str:
    number = "209" + _digits(random, 7)
    return number + ruc.calc_check_digit(number)


def _nipc(random: SeededRandom) -> str:
    number = "599" + _digits(random, 5)
    return number + nif.calc_check_digit(number)


def _cuit(random: SeededRandom) -> str:
    number = "3099" + _digits(random, 6)
    return number + cuit.calc_check_digit(number)


_MAKERS: dict[str, Callable[[SeededRandom], str]] = {
    "CIF": _cif,
    "RFC": _rfc,
    "CNPJ": _cnpj,
    "RUT": _rut,
    "NIT": _nit,
    "RUC": _ruc,
    "NIPC": _nipc,
    "CUIT": _cuit,
}
#: The kinds of tax ids that can be invented.
KINDS = tuple(_MAKERS)

_FORMATS: dict[str, tuple[Callable[[str], str], ...]] = {
    "CIF": (lambda n: f"{n[0]}-{n[1:]}", lambda n: f"{n[0]}{n[1:3]}.{n[3:6]}.{n[6:]}"),
    "RFC": (lambda n: f"{n[:3]}-{n[3:9]}-{n[9:]}",),
    "CNPJ": (lambda n: f"{n[:2]}.{n[2:5]}.{n[5:8]}/{n[8:12]}-{n[12:]}",),
    "RUT": (lambda n: f"{n[:2]}.{n[2:5]}.{n[5:8]}-{n[8:]}", lambda n: f"{n[:8]}-{n[8:]}"),
    "NIT": (lambda n: f"{n[:3]}.{n[3:6]}.{n[6:9]}-{n[9:]}", lambda n: f"{n[:9]}-{n[9:]}"),
    "NIPC": (lambda n: f"{n[:3]} {n[3:6]} {n[6:]}",),
    "CUIT": (lambda n: f"{n[:2]}-{n[2:10]}-{n[10:]}",),
}
