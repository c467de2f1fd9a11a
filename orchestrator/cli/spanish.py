"""What the commands say in Spanish: one catalogue, by the English text.

A `{}` stands for what stays as it is: numbers, names, what was typed. What is not in the catalogue
stays English, as codes and the names of fields do.
"""

import re
from functools import cache
from typing import Final

from agents.case import Language

#: What Typer says of a wrong usage, the library's and pydantic's own sentences.
_TYPER: Final = {
    "Usage: {}": "Uso: {}",
    "See `{}`.": "Véase `{}`.",
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
    "Input should be a valid UUID, {}": "tiene que ser un UUID, como los ids de los leads",
    "Input should be greater than or equal to {}": "tiene que ser {} o más",
    "Input should be less than or equal to {}": "tiene que ser {} o menos",
    "{} is not a valid integer.": "{} no es un número entero.",
    "{} is not a valid int.": "{} no es un número entero.",
    "{} is not a valid UUID.": "{} no es un UUID, como los ids de los leads.",
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
#: What a run has done.
_SUMMARY: Final = {
    "SurfSense data is simulated:": "Los datos de SurfSense son simulados:",
    "nothing is configured, so an embedded Valkey, SQLite and the SurfSense sandbox are used "
    "({}).": "no hay nada configurado, así que se usan un Valkey propio, SQLite y el sandbox de "
    "SurfSense ({}).",
    "rows": "filas",
    "companies": "empresas",
    "could not be used": "no se pudieron usar",
    "repeated": "repetidas",
    "with warnings": "con avisos",
    "new": "nuevos",
    "updated": "actualizados",
    "unchanged": "sin cambios",
    "not finished": "sin terminar",
    "distinct companies": "empresas distintas",
    "purchases": "compras",
    "hits": "aciertos",
    "fresh in the memo": "vigentes en la memoria",
    "coalesced": "compartidas",
    "shared a purchase in flight": "compartieron una compra en curso",
    "hit rate": "tasa de aciertos",
    "lookups that cost nothing": "consultas que no costaron nada",
    "spent": "gastado",
    "simulated": "simulado",
    "uncertain": "incierto",
    "may have been charged, unanswered": "quizá cobrado, sin respuesta",
    "saved": "ahorrado",
    "what those lookups would have cost": "lo que habrían costado esas consultas",
    "opportunities": "oportunidades",
    "discarded": "descartados",
    "ambiguous": "ambiguos",
    "failed": "fallidos",
    "skipped: budget": "omitidos: presupuesto",
    "Results are in {}.": "Los resultados están en {}.",
    "Rows that could not be used ({}) are in {}.": "Las filas que no se pudieron usar ({}) están "
    "en {}.",
    "Job {}: {}.": "Trabajo {}: {}.",
    "Nothing was bought: all {} companies were known already.": "No se compró nada: las {} "
    "empresas ya eran conocidas.",
    "Companies without a usable answer: {}. They may have been charged, and are not bought again "
    "in their freshness window unless you ask for it: emasai jobs requeue {}.": "Empresas sin una "
    "respuesta utilizable: {}. Quizá se cobraron, y no se vuelven a comprar mientras dure su "
    "vigencia salvo que lo pida: emasai jobs requeue {}.",
}
#: What a run would cost, and what a sample says of the whole file.
_PRICES: Final = {
    "{} distinct and usable": "{} distintas y utilizables",
    "cost nothing": "no cuestan nada",
    "ambiguous names": "nombres ambiguos",
    "nothing is bought for them": "no se compra nada para ellos",
    "decided without": "decididas sin compra",
    "by the lead's domain": "por el dominio del lead",
    "to buy": "por comprar",
    "{} each at most": "{} cada una como mucho",
    "asked again": "otra pregunta",
    "at most, with the domain, if ambiguous": "como mucho, con el dominio, si es ambiguo",
    "within the cap": "dentro del límite",
    "the rest is skipped": "el resto se omite",
    "cost at most": "coste máximo",
    "line": "línea",
    "company": "empresa",
    "status": "estado",
    "score": "puntos",
    "cost": "coste",
    "reason": "motivo",
    "pending": "pendiente",
    "... and {} more; the JSON has all of them.": "... y {} más; el JSON los tiene todos.",
    "{} of them sampled": "{} en la muestra",
    "advanced": "avanzan",
    "otherwise discarded": "descartados por otro motivo",
    "insufficient evidence": "datos insuficientes",
    "not judged": "sin evaluar",
    "{} in the sample": "{} en la muestra",
    "companies to buy": "empresas por comprar",
    "of {} companies, {} are known": "de {} empresas, {} son conocidas",
    "price of each": "precio de cada una",
    "{} at most": "{} como mucho",
    "cost of the rest": "coste del resto",
    "{} a company": "{} por empresa",
    "time for the rest": "tiempo para el resto",
    "at the sample's speed, at most": "al ritmo de la muestra, como mucho",
    "at {} a minute": "a {} por minuto",
}
SPANISH: Final = _TYPER | _USAGE | _SUMMARY | _PRICES


def said(text: str, language: Language) -> str:
    """Return the English *text* in *language*.

    >>> said("to buy", "es"), said("of 20 companies, 3 are known", "es"), said("to buy", "en")
    ('por comprar', 'de 20 empresas, 3 son conocidas', 'to buy')
    """
    if language == "en":
        return text
    if text in SPANISH:
        return SPANISH[text]
    for template, spanish in _templates():
        if found := template.fullmatch(text):
            return spanish.format(*found.groups())
    return text


@cache
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the texts with a place for others, the longest first: it says most."""
    longest_first = sorted(SPANISH, key=len, reverse=True)
    return tuple(
        (re.compile("(.+)".join(map(re.escape, text.split("{}"))), re.DOTALL), SPANISH[text])
        for text in longest_first
        if "{}" in text
    )
