"""What the commands say in Spanish, by the English text: help, printed texts, errors.

A `{}` stands for what stays as it is: numbers, names, what was typed. What is not in the catalogue
stays English, as codes and the names of fields do; so do `--json` and logs.
"""

import os
import re
from functools import cache
from typing import TYPE_CHECKING, Final

from orchestrator.cli.spanish_help import HELP
from orchestrator.cli.spanish_texts import TEXTS

if TYPE_CHECKING:
    from agents.case import Language

#: What Typer says of a wrong usage, the library's and pydantic's own sentences.
_TYPER: Final = {
    "No such option: {} (Possible options: {})": "No existe la opción {} (opciones posibles: {})",
    "No such option: {}": "No existe la opción {}",
    "No such command {}. Did you mean {}?": "No existe el comando {}. ¿Quiso decir {}?",
    "No such command {}.": "No existe el comando {}.",
    "Missing command.": "Falta el comando.",
    "Missing argument {}.": "Falta el argumento {}.",
    "Missing option {}.": "Falta la opción {}.",
    "Got unexpected extra argument(s) ({})": "Sobran argumentos ({})",
    "Option {} requires an argument.": "La opción {} necesita un valor.",
    "Option {} does not take a value.": "La opción {} no lleva ningún valor.",
    "Invalid value for {}: ": "Valor no válido para {}: ",
    "Invalid value: ": "Valor no válido: ",
    "Input should be a valid integer, {}": "tiene que ser un número entero",
    "Input should be a valid UUID, {}": "tiene que ser un id completo (UUID)",
    "Input should be greater than or equal to {}": "tiene que ser {} o más",
    "Input should be less than or equal to {}": "tiene que ser {} o menos",
    "{} is not a valid integer.": "{} no es un número entero.",
    "{} is not a valid int.": "{} no es un número entero.",
    "{} is not a valid UUID.": "{} no es un id completo (UUID).",
    "{} is not in the range {}.": "{} no está en el intervalo {}.",
    "{} is not one of {}.": "{} no es ninguno de {}.",
}
#: What our commands say of it.
_USAGE: Final = {
    "--rejudge buys nothing and writes no file: leave out --max-cost, --deadline, --buy-again, "
    "--output and --errors": "--rejudge no compra nada ni escribe ningún fichero: quite "
    "--max-cost, --deadline, --buy-again, --output y --errors",
    "--sample is for a lead file and writes none: leave out --rejudge, --lead-id, --where, "
    "--output, --errors and --dry-run": "--sample es para un fichero de leads y no escribe "
    "ninguno: quite --rejudge, --lead-id, --where, --output, --errors y --dry-run",
    "--sample is for one file": "--sample es para un solo fichero",
    "give a lead file, --lead-id, --where or --rejudge": "indique un fichero de leads, --lead-id, "
    "--where o --rejudge",
    "give a file or a job, or --lead-id, or --where; not several": "indique un fichero o un "
    "trabajo, o --lead-id, o --where; no varios",
    "--output, --errors, --column, --mapping, --encoding and --require belong to a file": ""
    "--output, --errors, --column, --mapping, --encoding y --require son para ficheros",
    "--output, --column, --mapping and --encoding are for files only": "--output, --column, "
    "--mapping y --encoding son solo para ficheros",
    "--website, --country and --city are for one name; a file has columns": "--website, --country "
    "y --city son para un solo nombre; un fichero tiene columnas",
    "--patience is for names only; --max-cost limits a file": "--patience es solo para nombres; "
    "para ficheros está el límite --max-cost",
    "--show-evidence is for names only; a file has columns": "--show-evidence es solo para "
    "nombres; un fichero tiene columnas",
    "for several files --output is a folder that exists; --errors is for one file": "con varios "
    "ficheros, --output es una carpeta que existe; --errors es para un solo fichero",
    "the folder {} has no lead file": "la carpeta {} no tiene ningún fichero de leads",
    "no row of the file makes a lead": "de ninguna fila del fichero sale un lead",
    "there is no job {}; `emasai jobs list` shows all jobs": "no existe el trabajo {}; `emasai "
    "jobs list` los muestra todos",
    "there is no job {}": "no existe el trabajo {}",
    "job {} has judged no leads": "el trabajo {} no ha evaluado ningún lead",
    "give at least one of --job, --reason, --tenant, --lane or --since": "indique al menos una de "
    "--job, --reason, --tenant, --lane o --since",
    "give either names or --pattern": "indique nombres o --pattern",
    "--where {}: give each of {} at most once": "--where {}: indique cada una de {} como mucho una "
    "vez",
    "--where {}: a value is not valid; {}": "--where {}: un valor no es válido; {}",
    "{} is not a length of time, such as 5s, 1h30m or 7d": "{} no es una duración, como 5s, 1h30m "
    "o 7d",
    "{} is out of range": "{} está fuera de los límites",
    "{} is neither an instant, such as 2026-11-30T18:00, nor a length of time, such as 2h": "{} no "
    "es un momento, como 2026-11-30T18:00, ni una duración, como 2h",
    "{} is no FIELD=NAME; the fields are {}": "{} no es CAMPO=NOMBRE; los campos son {}",
    "{} cannot be read: No such file or directory": "{} no existe",
    "{} cannot be read: Permission denied": "no hay permiso para leer {}",
    "{} cannot be read: Is a directory": "{} es una carpeta",
    "{} cannot be read: {}": "{} no se puede leer: {}",
    "{} is not TOML: {}": "{} no es TOML: {}",
    "{}: {} is no field with the name of a column, or a list of names; the fields are {}": "{}: {} "
    "no es un campo con el nombre de una columna, o una lista de nombres; los campos son {}",
    "the deadline {} has passed; give a later one": "el plazo {} ya ha pasado; indique otro "
    "posterior",
    "the deadline {} is more than {} days ahead; give an earlier one": "el plazo {} está a más de "
    "{} días; indique otro anterior",
    "the deadline {} must be an instant from {} to {}; correct it": "el plazo {} tiene que estar "
    "entre {} y {}; corríjalo",
    "{} must be an amount in US dollars, such as 2 or 0.5; correct it": "{} tiene que ser un "
    "importe en dólares, como 2 o 0.5; corríjalo",
    "{} must be less than or equal to {}; correct it": "{} tiene que ser {} o menos; corríjalo",
    "{} must have no more than {} decimal places; correct it": "{} tiene que tener {} decimales "
    "como mucho; corríjalo",
    "{} must have at most {} characters; correct it": "{} tiene que tener {} caracteres como "
    "mucho; corríjalo",
    "{} must match pattern {}; correct it": "{} tiene que tener la forma {}; corríjalo",
    "{} contains control characters; remove them": "{} contiene caracteres de control; quítelos",
    "{} contains half a character (a lone surrogate); send it whole": "{} contiene medio carácter "
    "(un sustituto suelto); escríbalo entero",
}
#: Errors, and what follows from decisions, as other modules say them.
_ERRORS: Final = {
    "the database is not available: could not {}; try again later": (
        "la base de datos no está disponible ({}); inténtelo más tarde"
    ),
    "the database is full: could not {}; make room on the disk that it is on, then try "
    "again: nothing is lost meanwhile": (
        "la base de datos está llena: no se pudo {}; libere espacio en su disco y vuelva a "
        "intentarlo: entretanto no se pierde nada"
    ),
    "the database role of DATABASE_URL may not {}; run `emasai db upgrade` with "
    "DATABASE_OWNER_URL, which grants it what it needs": (
        "el rol de DATABASE_URL no tiene permiso para {}; ejecute `emasai db upgrade` con "
        "DATABASE_OWNER_URL, que le concede lo que necesita"
    ),
    "the database has no tables yet, this program needs revision {}: run `emasai db upgrade`{}": (
        "la base de datos aún no tiene tablas y este programa necesita la revisión {}: ejecute "
        "`emasai db upgrade`{}"
    ),
    "the database is at revision {}, this program needs revision {}: run `emasai db upgrade`{}": (
        "la base de datos está en la revisión {} y este programa necesita la revisión {}: "
        "ejecute `emasai db upgrade`{}"
    ),
    "Redis is not available ({}); try again later": (
        "Redis no está disponible ({}); inténtelo más tarde"
    ),
    "The record of job {} no longer exists: Redis was emptied, or has lost it; submit "
    "the same work again: companies that were bought are not bought a second time": (
        "El registro del trabajo {} ya no existe: se vació Redis, o lo ha perdido; vuelva a "
        "enviar lo mismo: las empresas que se compraron no se compran otra vez"
    ),
    "The record of job {} cannot be read ({}), so it is not worked on; `emasai jobs "
    "cancel {}` removes it": (
        "El registro del trabajo {} no se puede leer ({}), así que no se trabaja en él; `emasai "
        "jobs cancel {}` lo elimina"
    ),
    "The record of job {} could not be read ({}); it was removed, and none of its items "
    "runs any more.": (
        "El registro del trabajo {} no se podía leer ({}); se ha eliminado, y ninguno de sus "
        "elementos se ejecuta ya."
    ),
    "{} cannot be used: No such file or directory": "{} no existe",
    "{} cannot be used: Permission denied": "no hay permiso para usar {}",
    "{} cannot be used: No space left on device": "no queda espacio en el disco de {}",
    "{} cannot be used: {}": "{} no se puede usar: {}",
    "the configuration has {} problem:": "la configuración tiene {} problema:",
    "the configuration has {} problems:": "la configuración tiene {} problemas:",
    "  - {} is not set": "  - {} no está definido",
    "{} is no e-mail address; write it like ana.ruiz@acme.example": (
        "{} no es una dirección de correo; escríbala como ana.ruiz@acme.example"
    ),
    "{} is not a company name: it is blank": "{} no es el nombre de una empresa: está en blanco",
    "a decision is kept permanently, so it must say {}": (
        "una decisión se guarda para siempre, así que tiene que indicar {}"
    ),
    "{} is that company already; name two different ones": (
        "{} ya es esa empresa; indique dos distintas"
    ),
    "{} leads to {} by decision {}; undo that first": (
        "{} lleva a {} por la decisión {}; deshágala antes"
    ),
    "{} is split by decision {}; undo that first": (
        "{} está dividido por la decisión {}; deshágala antes"
    ),
    "{} leads to {} already, so this would go round in a circle": (
        "{} ya lleva a {}, así que se formaría un círculo"
    ),
    "{} is several companies by decision {}; name one of them by its key": (
        "{} son varias empresas por la decisión {}; indique una de ellas por su clave"
    ),
    "there is no decision {}": "no existe la decisión {}",
    "decision {} undoes another one; decide that anew instead": (
        "la decisión {} deshace otra; en su lugar, decida aquella de nuevo"
    ),
    "decision {} is undone already": "la decisión {} ya está deshecha",
    "{} is not the domain of a company: free mail, or no domain": (
        "{} no es el dominio de una empresa: es correo gratuito, o no es un dominio"
    ),
    "nothing is known of a company with the key {}; for another spelling of a known one, "
    "use an alias (`emasai identity alias`)": (
        "no se sabe nada de una empresa con la clave {}; para otra grafía de una conocida, use "
        "un alias (`emasai identity alias`)"
    ),
    "both have a history ({}); if they are one company, give --yes": (
        "las dos tienen historial ({}); si son una sola empresa, indique --yes"
    ),
    "this account has no name; give --by": "esta cuenta no tiene nombre; indique --by",
    "Both have the key {} from now on.": "Desde ahora las dos tienen la clave {}.",
    "Its companies have keys such as {}~acme.com or {}~mx from now on.": (
        "Desde ahora sus empresas tienen claves como {}~acme.com o {}~mx."
    ),
    "Every lead of {} has the key {}, whatever its name.": (
        "Todo lead de {} tiene la clave {}, sea cual sea su nombre."
    ),
    "Every lead of that name has the key {}.": "Todo lead de ese nombre tiene la clave {}.",
    "Each key means what it meant before; purchases made since keep their keys.": (
        "Cada clave significa lo que significaba antes; las compras hechas entretanto conservan "
        "su clave."
    ),
    "Existing records stay, and `emasai explain {}` shows them: {}.": (
        "Lo registrado se conserva, y `emasai explain {}` lo muestra: {}."
    ),
    "not watched: {} (`emasai schedule list`)": (
        "no está en seguimiento: {} (`emasai schedule list`)"
    ),
    "{} is ambiguous; give the key of the company, which `emasai identity show {}` lists": (
        "{} es ambiguo; indique la clave de la empresa, que `emasai identity show {}` muestra"
    ),
    "{} is not from {} to {}": "{} no está entre {} y {}",
    "give either names or --open-opportunities": "indique nombres o --open-opportunities",
    "{}; back it up, then give --yes": "{}; haga una copia y después indique --yes",
    "there is no database at this address": "no hay ninguna base de datos en esta dirección",
    "there is no revision {}; there are {} and {}": "no existe la revisión {}; existen {} y {}",
    "{} is no longer a setting: {}; remove it": "{} ya no es un ajuste: {}; quítelo",
    "{} others": "otras {}",
    "{} earlier": "{} anteriores",
    "purchases, resolutions: a company's name and key, cost, job, tenant; they prove "
    "what was paid": (
        "purchases, resolutions: nombre y clave de una empresa, coste, trabajo, tenant; prueban "
        "lo que se pagó"
    ),
    "identity_claims: names and domains of companies, so that none is bought twice": (
        "identity_claims: nombres y dominios de empresas, para que ninguna se compre dos veces"
    ),
    "identity_decisions, watches: what operators have decided about companies, and who and why": (
        "identity_decisions, watches: lo que se ha decidido sobre empresas, quién y por qué"
    ),
    "deleted_versions: a lead's id, a hash of address and company, so that no old copy "
    "comes back": (
        "deleted_versions: el id de un lead y un hash de dirección y empresa, para que no vuelva "
        "ninguna copia antigua"
    ),
    "erasures: when, and how many rows of each kind; nothing about whom": (
        "erasures: cuándo, y cuántas filas de cada clase; nada sobre quién"
    ),
    "jobs in Redis: a lead's id and company, without name, address or number, for {}": (
        "trabajos en Redis: el id de un lead y su empresa, sin nombre, dirección ni teléfono, "
        "durante {}"
    ),
    "answers under an Idempotency-Key: a fault of a row may quote a cell, for {}": (
        "respuestas con Idempotency-Key: el fallo de una fila puede citar una celda, durante {}"
    ),
    "answers of purchases under way, and copies kept for outages, for {}": (
        "respuestas de compras en curso, y copias para interrupciones, durante {}"
    ),
    "answers about other companies, or in which the person is spelled otherwise: {} days": (
        "respuestas sobre otras empresas, o que escriben el nombre de otro modo: {} días"
    ),
    "what other services have cached under keys of their own, such as session:*": (
        "lo que otros servicios guardan en caché con claves propias, como session:*"
    ),
    "files that were imported or written, logs of proxies, and the receiver of hand-overs": (
        "ficheros importados o escritos, registros de proxies y el receptor de las entregas"
    ),
    "backups and replicas of the database and of Redis, and pages that they have freed": (
        "copias y réplicas de la base de datos y de Redis, y páginas que han liberado"
    ),
}
#: What is recognized when it is printed: errors of usage, of Typer, of other modules.
MESSAGES: Final = _TYPER | _USAGE | _ERRORS
#: What the commands look up when they print it.
SPANISH: Final = TEXTS | HELP


def language() -> "Language":
    """Return the user's language; English if the setting is wrong, which is told elsewhere."""
    # Not from the settings: `emasai --help` must not wait for pydantic.
    return "es" if os.environ.get("EMASAI_LANGUAGE", "").strip() == "es" else "en"


def translate(text: str, *values: object) -> str:
    """Return the English *text* in the user's language, with each `{}` replaced by a value.

    A text that is not in the catalogue stays as it is, as codes do.
    """
    if language() == "es":
        text = SPANISH.get(text, text)
    return text.format(*values) if values else text


def translate_message(message: str) -> str:
    """Return the English *message* of another module, values and all, in the user's language.

    It is recognized by its words; one that is not in the catalogue stays as it is.
    """
    if language() == "en":
        return message
    if message in MESSAGES:
        return MESSAGES[message]
    for template, spanish in _templates():
        if found := template.fullmatch(message):
            return spanish.format(*found.groups())
    return message


@cache
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the texts with a place for others, the longest first: it says most."""
    longest_first = sorted(MESSAGES, key=len, reverse=True)
    return tuple(
        (re.compile("(.+)".join(map(re.escape, text.split("{}"))), re.DOTALL), MESSAGES[text])
        for text in longest_first
        if "{}" in text
    )
