"""What is said about a file as a whole, in both languages: why it is refused, what is left out.

A refusal is a predicate, which reads on from the name of the file, and what to do about it. What
is left out is a phrase. `{line}` and the like stand for what differs from file to file.
"""

import errno
from typing import Final

from agents.case import Localized

from .columns import LeadField
from .flaws import filled, kind

_SAVE_AS_CSV: Final = (
    "open it in its program and save it as CSV",
    "ábralo en su programa y guárdelo como CSV",
)
_SEND_AGAIN: Final = ("send it again, whole", "envíelo de nuevo, entero")
_ADD_ROWS: Final = ("add a row for each lead", "añada una fila por cada lead")
_WRITE_OBJECTS: Final = (
    "write one object a line, or one array of objects",
    "escriba un objeto por línea o una sola lista de objetos",
)
_SPLIT: Final = ("split it into several", "divídalo en varios")
_CHECK_NAME: Final = (
    "check the name of the file and of its folder",
    "compruebe el nombre del fichero y el de su carpeta",
)
_ANOTHER_NAME: Final = ("name another file for the output", "indique otro fichero de salida")
_CHANGE_PERMISSIONS: Final = ("change its permissions", "cambie sus permisos")
_FREE_SPACE: Final = ("free some space", "libere espacio")

EMPTY: Final = kind(
    "is empty",
    "está vacío",
    "name the columns on its first line and add a row for each lead",
    "ponga los nombres de las columnas en la primera línea y añada una fila por cada lead",
)
NO_ROWS: Final = kind(
    "has a header but no rows", "tiene nombres de columnas pero ninguna fila", *_ADD_ROWS
)
OLD_EXCEL: Final = kind(
    "looks like an old Excel workbook, or one with a password",
    "parece un libro de Excel antiguo o con contraseña",
    *_SAVE_AS_CSV,
)
PDF: Final = kind("is a PDF, not a CSV", "es un PDF, no un CSV", *_SAVE_AS_CSV)
PICTURE: Final = kind("is a picture, not a CSV", "es una imagen, no un CSV", *_SAVE_AS_CSV)
VCARD: Final = kind(
    "is a file of address cards (vCard), not a CSV",
    "es un fichero de tarjetas de contacto (vCard), no un CSV",
    *_SAVE_AS_CSV,
)
XML: Final = kind("is an XML document, not a CSV", "es un documento XML, no un CSV", *_SAVE_AS_CSV)
WEB_PAGE: Final = kind(
    "is a web page, though its name may be that of a spreadsheet",
    "es una página web, aunque tenga nombre de hoja de cálculo",
    *_SAVE_AS_CSV,
)
NOT_TEXT: Final = kind("is not text, so not a CSV", "no es texto ni, por tanto, CSV", *_SAVE_AS_CSV)
UNSOUND_TEXT: Final = kind(
    "is not sound {encoding} text (somewhere from line {line:,} on)",
    "no es texto {encoding} correcto (en algún punto desde la línea {line:,})",
    *_SAVE_AS_CSV,
)
UNKNOWN_ENCODING: Final = kind(
    "cannot be read in the encoding '{name}', which is not known",
    "no se puede leer con la codificación '{name}', que no se conoce",
    "name one such as utf-8, cp1250, cp1252, cp932 or mac_roman",
    "indique una como utf-8, cp1250, cp1252, cp932 o mac_roman",
)
UNCERTAIN_ENCODING: Final = kind(
    "does not say its encoding, and could say {readings}",
    "no dice su codificación; podría poner {readings}",
    "name the right one, as in --encoding {encoding}, or save it as UTF-8 from its program",
    "indique la correcta, como en --encoding {encoding}, o guárdelo como UTF-8 desde su programa",
)
LONG_LINE: Final = kind(
    "has more than {most:,} characters on line {line:,}",
    "tiene más de {most:,} caracteres en la línea {line:,}",
    "remove or shorten it",
    "quítela o acórtela",
)
MANY_LINES: Final = kind(
    "has more than {most:,} lines",
    "tiene más de {most:,} líneas",
    *_SPLIT,
)
MANY_ROWS: Final = kind(
    "has more than {most:,} rows",
    "tiene más de {most:,} filas",
    *_SPLIT,
)
UNKNOWN_COLUMN: Final = kind(
    "has no column '{name}' (its columns: {columns})",
    "no tiene ninguna columna '{name}' (sus columnas: {columns})",
    "write its name as in the file",
    "escriba el nombre como está en el fichero",
)
MISSING_COLUMN: Final = kind(
    "has no {missing} column (its columns: {columns})",
    "no tiene columna de {missing} (sus columnas: {columns})",
    "{rename}, or say which it is: --column {field}=NAME",
    "{rename}, o diga cuál es: --column {field}=NOMBRE",
)

UNPACKS_TOO_LARGE: Final = kind(
    "is too large when it is unpacked",
    "es demasiado grande una vez descomprimido",
    "split it",
    "divídalo",
)
DAMAGED_ARCHIVE: Final = kind("cannot be unpacked", "no se puede descomprimir", *_SEND_AGAIN)
CUT_WORKBOOK: Final = kind(
    "looks like an Excel workbook (or another zip file), but is not whole",
    "parece un libro de Excel (u otro fichero zip), pero no está entero",
    *_SEND_AGAIN,
)
SEVERAL_FILES: Final = kind(
    "is an archive of {count:,} files",
    "es un archivo comprimido con {count:,} ficheros",
    "unpack it and name one file",
    "descomprímalo e indique un solo fichero",
)
UNREADABLE_WORKBOOK: Final = kind(
    "looks like a workbook, but cannot be read",
    "parece un libro de cálculo, pero no se puede leer",
    *_SAVE_AS_CSV,
)
EMPTY_WORKBOOK: Final = kind(
    "is a workbook without any cell", "es un libro de cálculo sin ninguna celda", *_ADD_ROWS
)
LARGE_WORKBOOK: Final = kind(
    "takes more memory than a workbook may, or is damaged",
    "ocupa más memoria de la que puede ocupar un libro de cálculo, o está dañado",
    f"remove what stands far from the table, or {_SAVE_AS_CSV[0]}",
    f"quite lo que haya lejos de la tabla, o {_SAVE_AS_CSV[1]}",
)
MANY_NAMES: Final = kind(
    "has more than {most:,} different names of fields",
    "tiene más de {most:,} nombres de campo distintos",
    "use the same names in all objects",
    "use los mismos nombres en todos los objetos",
)
NO_OBJECT: Final = kind(
    "has no object in place {number:,}",
    "no tiene un objeto en el lugar {number:,}",
    *_WRITE_OBJECTS,
)
LONG_OBJECT: Final = kind(
    "has more than {most:,} characters on line {line:,}",
    "tiene más de {most:,} caracteres en la línea {line:,}",
    *_WRITE_OBJECTS,
)
UNSOUND_ARRAY: Final = kind("is not sound JSON", "no es JSON correcto", *_WRITE_OBJECTS)
UNSOUND_LINE: Final = kind(
    "is not sound JSON on line {line:,}",
    "no es JSON correcto en la línea {line:,}",
    *_WRITE_OBJECTS,
)

NO_FOLDER: Final = kind(
    "lies in a folder that does not exist",
    "está en una carpeta que no existe",
    "create the folder or name another",
    "cree la carpeta o indique otra",
)
OUTPUT_IS_FOLDER: Final = kind(
    "is a directory", "es una carpeta", "name a file in it", "indique un fichero dentro de ella"
)
NOT_REGULAR: Final = kind(
    "is not a regular file", "no es un fichero normal", "name another", "indique otro"
)
ONLY_READ: Final = kind(
    "cannot be written: {suffix} is only read",
    "no se puede escribir: {suffix} solo se lee",
    "name a {instead} file",
    "indique un fichero {instead}",
)
TOO_MANY_ROWS: Final = kind(
    "has more rows than a sheet can hold",
    "tiene más filas de las que caben en una hoja",
    "name a .csv file",
    "indique un fichero .csv",
)
TAKEN: Final = kind(
    "has the results of another of the files",
    "ya tiene los resultados de otro de los ficheros",
    "run {file} by itself",
    "ejecute {file} por separado",
)

_NOT_FOUND: Final = kind("does not exist", "no existe", *_CHECK_NAME)
#: By the number of the error of the operating system.
OF_SYSTEM: Final = {
    errno.ENOENT: _NOT_FOUND,
    errno.ENOTDIR: _NOT_FOUND,
    errno.EISDIR: kind("is a directory", "es una carpeta", "name a file", "indique un fichero"),
    errno.EACCES: kind(
        "may not be used by you (permission denied)",
        "no lo puede usar usted (permiso denegado)",
        *_CHANGE_PERMISSIONS,
    ),
    errno.EPERM: kind(
        "may not be used by you (not permitted)",
        "no lo puede usar usted (operación no permitida)",
        *_CHANGE_PERMISSIONS,
    ),
    errno.EROFS: kind("is on a read-only disk", "está en un disco de solo lectura", *_ANOTHER_NAME),
    errno.ENOSPC: kind(
        "does not fit on the disk, which is full",
        "no cabe en el disco, que está lleno",
        *_FREE_SPACE,
    ),
    errno.EDQUOT: kind(
        "does not fit in your disk quota", "no cabe en su cuota de disco", *_FREE_SPACE
    ),
    errno.EFBIG: kind(
        "is larger than this system lets a file be",
        "es más grande de lo que este sistema permite",
        *_ANOTHER_NAME,
    ),
    errno.ENAMETOOLONG: kind(
        "has too long a name", "tiene un nombre demasiado largo", "shorten it", "acórtelo"
    ),
}
OTHER_OF_SYSTEM: Final = kind(
    "cannot be used ({error})",
    "no se puede usar ({error})",
    "check the disk it is on",
    "compruebe el disco en el que está",
)

#: What the column of a field is called.
FIELDS: Final = {
    LeadField.COMPANY: Localized(en="company", es="empresa"),
    LeadField.CONTACT: Localized(en="contact", es="contacto"),
    LeadField.EMAIL: Localized(en="email", es="correo"),
    LeadField.WEBSITE: Localized(en="website", es="web"),
    LeadField.COUNTRY: Localized(en="country", es="país"),
    LeadField.CITY: Localized(en="city", es="ciudad"),
    LeadField.PHONE: Localized(en="phone", es="teléfono"),
    LeadField.SOURCE: Localized(en="source", es="origen"),
    LeadField.NOTES: Localized(en="notes", es="notas"),
}
NAMELESS: Final = Localized(en="(no name)", es="(sin nombre)")
NO_OTHER: Final = Localized(en=" and no ", es=" ni de ")
AND: Final = Localized(en=" and ", es=" y ")
OR: Final = Localized(en=" or ", es=" o ")
_RENAME: Final = Localized(en="call its column '{name}'", es="llame '{name}' a su columna")
#: What to do about a column that a file lacks.
RENAMES: Final = {
    **{field: filled(_RENAME, name=field) for field in LeadField},
    LeadField.COMPANY: Localized(
        en="call the column with the companies 'company' or 'empresa'",
        es="llame 'company' o 'empresa' a la columna de las empresas",
    ),
    LeadField.CONTACT: Localized(
        en="call the column with the people 'contact' or 'contacto'",
        es="llame 'contact' o 'contacto' a la columna de las personas",
    ),
    LeadField.EMAIL: Localized(
        en="call the column with the addresses 'email' or 'correo'",
        es="llame 'email' o 'correo' a la columna de las direcciones",
    ),
}

LINE: Final = Localized(en="{count:,} line", es="{count:,} línea")
LINES: Final = Localized(en="{count:,} lines", es="{count:,} líneas")
ABOVE_NAMES: Final = Localized(
    en="{lines} above the names of the columns, which are on line {line:,}",
    es="{lines} encima de los nombres de las columnas, que están en la línea {line:,}",
)
ABOVE_ROWS: Final = Localized(
    en="{lines} above the first row, which is on line {line:,}",
    es="{lines} encima de la primera fila, que está en la línea {line:,}",
)
BLANK_ROW: Final = Localized(en="{count:,} blank row", es="{count:,} fila en blanco")
BLANK_ROWS: Final = Localized(en="{count:,} blank rows", es="{count:,} filas en blanco")
NAMES_AGAIN: Final = Localized(
    en="{lines} with the names of the columns again",
    es="{lines} con los nombres de las columnas otra vez",
)
NAMES_AND_TITLES: Final = Localized(
    en="{lines} with the names of the columns again, and {titles} of titles above",
    es="{lines} con los nombres de las columnas otra vez, y {titles} de títulos encima",
)
SECTIONS: Final = Localized(
    en="{lines} with only the title of a part of the table, from '{first}' on",
    es="{lines} con solo el título de una parte de la tabla, desde '{first}'",
)
SUMS: Final = Localized(
    en="{lines} with nothing but sums or numbers", es="{lines} con solo sumas o números"
)
FOOTER: Final = Localized(
    en="{lines} below the table, from '{first}' on",
    es="{lines} debajo de la tabla, desde '{first}'",
)
OTHER_SHEETS: Final = Localized(
    en="all sheets but '{name}' ({others})", es="todas las hojas menos '{name}' ({others})"
)
