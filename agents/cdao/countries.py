"""Country names in English and Spanish, and the ISO 3166-1 alpha-2 code behind a name.

An own table instead of a library: the libraries read files and know no Spanish without
them. Countries that are not named here are understood by their code only.
"""

from agents.case import Localized

from .vocabulary import as_word

_NAMED = """
AD Andorra|Andorra
AE United Arab Emirates|Emiratos Árabes Unidos
AO Angola|Angola
AR Argentina|Argentina
AT Austria|Austria
AU Australia|Australia
BE Belgium|Bélgica
BG Bulgaria|Bulgaria
BO Bolivia|Bolivia
BR Brazil|Brasil
CA Canada|Canadá
CH Switzerland|Suiza
CL Chile|Chile
CN China|China
CO Colombia|Colombia
CR Costa Rica|Costa Rica
CU Cuba|Cuba
CY Cyprus|Chipre
CZ Czechia|Chequia
DE Germany|Alemania
DK Denmark|Dinamarca
DO Dominican Republic|República Dominicana
DZ Algeria|Argelia
EC Ecuador|Ecuador
EE Estonia|Estonia
EG Egypt|Egipto
ES Spain|España
FI Finland|Finlandia
FR France|Francia
GB United Kingdom|Reino Unido
GQ Equatorial Guinea|Guinea Ecuatorial
GR Greece|Grecia
GT Guatemala|Guatemala
HK Hong Kong|Hong Kong
HN Honduras|Honduras
HR Croatia|Croacia
HT Haiti|Haití
HU Hungary|Hungría
ID Indonesia|Indonesia
IE Ireland|Irlanda
IL Israel|Israel
IN India|India
IS Iceland|Islandia
IT Italy|Italia
JM Jamaica|Jamaica
JP Japan|Japón
KR South Korea|Corea del Sur
LI Liechtenstein|Liechtenstein
LT Lithuania|Lituania
LU Luxembourg|Luxemburgo
LV Latvia|Letonia
MA Morocco|Marruecos
MC Monaco|Mónaco
MT Malta|Malta
MX Mexico|México
MY Malaysia|Malasia
NG Nigeria|Nigeria
NI Nicaragua|Nicaragua
NL Netherlands|Países Bajos
NO Norway|Noruega
NZ New Zealand|Nueva Zelanda
PA Panama|Panamá
PE Peru|Perú
PH Philippines|Filipinas
PK Pakistan|Pakistán
PL Poland|Polonia
PR Puerto Rico|Puerto Rico
PT Portugal|Portugal
PY Paraguay|Paraguay
QA Qatar|Catar
RO Romania|Rumanía
RS Serbia|Serbia
RU Russia|Rusia
SA Saudi Arabia|Arabia Saudí
SE Sweden|Suecia
SG Singapore|Singapur
SI Slovenia|Eslovenia
SK Slovakia|Eslovaquia
SV El Salvador|El Salvador
TH Thailand|Tailandia
TN Tunisia|Túnez
TR Turkey|Turquía
TW Taiwan|Taiwán
UA Ukraine|Ucrania
US United States|Estados Unidos
UY Uruguay|Uruguay
VE Venezuela|Venezuela
VN Vietnam|Vietnam
ZA South Africa|Sudáfrica
"""

_UNNAMED = """
AF AG AI AL AM AQ AS AW AX AZ BA BB BD BF BH BI BJ BL BM BN BQ BS BT BV BW BY BZ CC CD CF CG
CI CK CM CV CW CX DJ DM EH ER ET FJ FK FM FO GA GD GE GF GG GH GI GL GM GN GP GS GU GW GY HM
IM IO IQ IR JE JO KE KG KH KI KM KN KP KW KY KZ LA LB LC LK LR LS LY MD ME MF MG MH MK ML MM
MN MO MP MQ MR MS MU MV MW MZ NA NC NE NF NP NR NU OM PF PG PM PN PS PW RE RW SB SC SD SH SJ
SL SM SN SO SR SS ST SX SY SZ TC TD TF TG TJ TK TL TM TO TT TV TZ UG UM UZ VA VC VG VI VU WF
WS YE YT ZM ZW
"""

_ALIASES = {
    "ee_uu": "US",
    "eeuu": "US",
    "england": "GB",
    "gran_bretana": "GB",
    "great_britain": "GB",
    "holanda": "NL",
    "holland": "NL",
    "inglaterra": "GB",
    "mejico": "MX",
    "the_netherlands": "NL",
    "turkiye": "TR",
    "u_s_a": "US",
    "uk": "GB",
    "united_states_of_america": "US",
    "usa": "US",
}

_NAMES = {
    line[:2]: Localized(en=line[3:].split("|")[0], es=line[3:].split("|")[1])
    for line in _NAMED.split("\n")
    if line
}
_OTHER_CODES = frozenset(_UNNAMED.split())
_CODES = _ALIASES | {
    as_word(name): code for code, both in _NAMES.items() for name in (both.en, both.es)
}


def country_code(text: str) -> str | None:
    """Return the alpha-2 code of a country given as code or as an English or Spanish name."""
    code = text.strip().upper()
    if code in _NAMES or code in _OTHER_CODES:
        return code
    return _CODES.get(as_word(text))


def country_name(code: str) -> Localized:
    """Return how people call the country; the code itself where the table has no name."""
    return _NAMES.get(code, Localized(en=code, es=code))
