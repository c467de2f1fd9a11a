"""Writes docs/lead-files.md: `python -m tools.lead_files`.

The words of columns are those of `orchestrator/leadfile/data/columns.toml`. A test compares the
page.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from orchestrator.leadfile.headings import of_others, understood

ROOT: Final = Path(__file__).parents[1]

#: What each kind of word means in a table of people who never saw the data file.
_KINDS: Final = {
    "company": "the company",
    "account": "the company, read where the columns of the row above are blank",
    "customer": "the company, where no column is called by a word of the rows above",
    "full": "the contact's whole name",
    "given": "the contact's given name",
    "middle": "the contact's middle name",
    "surname": "the contact's surname",
    "person": "the contact; beside `name`, `email`, `phone` ...: whose it is",
    "name": "a name: the contact's, or the company's in a list of companies",
    "email": "the contact's e-mail address",
    "phone": "a phone number",
    "website": "the company's website",
    "country": "the country",
    "city": "the company's town",
    "location": "the company's town and country, in one cell",
    "postal": "beside a town in the same cells: its postal code, not read",
    "other": "beside another value in the same cells, not read",
    "source": "where the lead came from",
    "notes": "notes",
    "work": "beside another word: at work, read first",
    "first": "beside another word: read first",
    "later": "beside another word: read where the others are blank",
    "home": "beside another word: a person's own, read last",
}
_PAGE: Final = """\
# Lead files

Generated from [columns.toml](../orchestrator/leadfile/data/columns.toml) by
`python -m tools.lead_files`.

`emasai run` and `emasai enrich` read whatever a CRM or a spreadsheet exports. `--dry-run` shows,
before anything is bought, which column is read as what, which are not read, the first leads as they
are read, and what they would cost.

## Formats

| file | what is read |
|---|---|
| CSV | comma, semicolon, tab or bar; any [encoding](#encodings) |
| `.xlsx`, `.ods` | the first sheet with columns of companies and others, or with addresses |
| NDJSON, JSON | an object (or a company's name) a line, an array of them, or an object with one |
| `.gz`, `.zip` | one of these files, compressed |

Objects in objects are columns of their own, called by their path (`company.name`).

The table may stand below titles, notes, comments and `sep=`; blank rows, sums (also `Total Norte`
below the rows of `Norte`), rows with nothing but a number, the footer of a report, and lines that
name the columns once more (with the titles of groups above them) are no rows, and each of these is
said. Nor is the title of a section, a cell alone above rows of a table of three columns or more:
`ZONA SUR`, `--- Norte ---`, `Region: North`, a country, `Halle 4`; also any other text without a
legal form below a blank line, but in a list of companies that is a company. A line above the names
may say whose the columns below are (`Contact`, `Company`). A file, also below a title, may have no
header: where its first line holds a value (an e-mail address, a website, a phone, a country, a
legal form) and no known name, it is a row, and the columns are called `column 1`, `column 2` and so
on.

### Encodings

UTF-8 and UTF-16 are sure. In any other encoding the same bytes are other letters: `Gdańsk` of one
is `Gdañsk` of another, and that is another company. Files are read as the encoding in which their
words are words: those of Windows, Macintosh and MS-DOS for Western Europe and America (`cp1252`,
`mac_roman`, `cp850`), those of Windows for Central Europe, Turkish, the Baltic, Greek, Cyrillic,
Hebrew, Arabic and Thai (`cp1250`, `cp1254`, `cp1257`, `cp1253`, `cp1251`, `cp1255`, `cp1256`,
`cp874`), ISO 8859-2, -5, -7 and -15, `cp852`, KOI8-R, `cp866`, those of Macintosh for Central
Europe and Cyrillic (`mac_latin2`, `mac_cyrillic`), and those of Japanese (`cp932`, `euc_jp`),
Chinese (`gb18030`, `big5`) and Korean (`cp949`). The names of the columns (`Empresa`) and the
countries in addresses (`ana@norte.es`) say the language, and a carriage return alone at the end of
lines says that a Macintosh wrote the file. One that could still be in two of them, mostly because
it has a single such word, is refused with what it says in each; `--encoding` says which is right,
or saving it as UTF-8. Any other encoding has to be named. Results are in the encoding of the file.

## Columns by their names

A name is understood if all of its words are, in any case, with or without accents, joined as in
`companyName` or `Firmenname`, grouped as in `Person - Email - Work`. Of several columns for one
field the first in this order that has a usable value in a row counts: at work, the company's own,
then the person's.

{words}

Without a column of companies, a `Name` beside a column of contacts is the company's.

Without effect beside them: {beside}.

## Columns with several values

Some cells hold two or three values: `PLZ / Ort`, `C.P. y Población`, `Ciudad, País`,
`Localidad (Provincia)`, `Name, Firma`, `Contact (Company)`, `Nombre y cargo`, `E-mail / Teléfono`,
`Company / Website`. Where the name of the column says so, in this order, each field gets its part
of the cell, behind the columns that hold it alone. A company keeps commas of its own
(`Ana Ruiz, Norte, S.L.`), and postal codes come off a town. A name that could mean one value
(`Firma / Name`), and a company with its contact, count only if nine in ten cells have both parts.
Without a column of companies, `Attendee` may have them so, too: `Ana Ruiz, Norte S.L.`. A column
that you name is read whole.

## Columns by their cells

A column whose name is not understood is read by its cells where there is no doubt: nine in ten of
the filled cells of the first 200 rows have the form of an e-mail address, of a website, of an
international phone number or of a country's name.

- **E-mail**: not one address in all rows, nor addresses of one domain where another column has
  several (those are colleagues'); of two people's addresses, those in which a name beside them is.
- **Website**: one that has the domain of the mail in its row; without mail, the only column of
  different sites.
- **Phone**: of several columns one may be a fax, so mobiles are read, and numbers that differ
  between people of one company. Numbers without a country's prefix count where the country is
  known by its column, by domains or by legal forms, if they are valid there and written in groups:
  five different ones, or three that begin with a zero, and not one after the other.
- **Country**: in one column only; not a code, which may be a language.
- **Company**: its names explain the domains of the websites and e-mail addresses beside them in at
  least half of the rows (`Tejidos Norte`, `tejidosnorte.test`) and are not those of people, or,
  without any domain, half of them end with a legal form.
- **Contact**: its names are in the addresses (`ana.ruiz@`, `aruiz@`), or an address stands in
  brackets behind each.

Where two columns show the same, neither is read.
What was found out so is said before the run.

Cells also correct names: a column of keys of records (`0015e00001AbCdEEAV`), of numbers or of yes
and no holds neither companies nor people; a `Name` whose cells have legal forms is the company's;
one website, company or person in all rows, beside mail of several, is that of a form or a colleague
if another column may hold the lead's; and a column none of whose cells can be the website, phone or
e-mail address that its name says is not read where another one can, nor are pages of social
networks. A link, an address
or a domain in brackets behind a name (`Norte (norte.test)`) is none of the name, and serves as the
e-mail address or website where there is no other.

Never read by its cells is a column with one of these words in its name: {others}.

## Columns that you name

`--column company="Associated Company"` says it for one field; `--column company=#3` takes the third
column. A CRM's columns are named once in a TOML file, `emasai run leads.csv --mapping crm.toml`:

```toml
company = "Associated Company"
email = ["Work mail", "Other mail"]  # the second where the first is blank
```

The fields are `company`, `contact`, `email`, `website`, `country`, `phone`, `source` and `notes`.
Every column that is named must be in the file.

## What is wrong with a file

A row makes a lead if it has a company and a contact; `--require email` asks for more. What is wrong
is told after reading, errors first, once for each kind with its rows: `leads.csv, 6 rows (3-7, 12):
country 'Narnia' ...`. An error keeps a row out; after a warning it goes through without that field.
An e-mail address that cannot be read is an error, a missing one is not: such a lead is judged by
its company. `--errors errors.csv` writes the rows that were kept out as they stand, with their
reason behind them: correct them there and run that file. Sentences, also those on why a file is
refused or what of it is left out, are in the language of `EMASAI_LANGUAGE`.

## Results

Results are beside the lead file: `leads.csv` leads to `leads.out.csv`, `t.tsv` to `t.out.tsv`, a
workbook to `leads.out.xlsx`; `-o` names another file. What is the user's own stays byte for byte:
encoding, delimiter, quotes and line ends, cells that look like a formula, too. Only the byte order
mark (`EF BB BF`) is added where it is missing and the text in UTF-8, the user's or ours, has a
character beyond ASCII, since Excel shows `Ã±` without it; scripts read such a file as `utf-8-sig`.
So the file opens by a double click where the original did, and as a workbook everywhere
(`-o leads.xlsx`). Rows stay in their order. Behind them stand our columns ([what they
hold](evidence.md#columns-of-result-files)), the last one being `emasai_warnings`. Those of an
earlier run are replaced, rows with too few cells are filled up, and cells behind the last column go
behind ours. What a spreadsheet could run in our columns has an apostrophe before it.

A workbook has cells with types, a header that stays in sight, filters, and two more sheets: the
summary of the run, and its problems by row. Formulas and formats of the original are not in it, but
the values that they show; nor are its other sheets.

## Several files

`emasai run january.csv february.xlsx folder/` does one after another, each with results of its own
(`-o` then names a folder); of a folder, the files with a usual suffix that are no results. One that
cannot be used is told of, and the others are done. `--max-cost` is for all of them together. A dry
run shows each as if it were the only one.

## A file that is run again

The same person at the same company is the same lead in every file:

| a row and a stored lead have in common | they are |
|---|---|
| a person's address, and the company | one lead, whatever the name |
| a person's address at a company's domain, and the name | one lead, of a renamed company |
| the address of several people (`info@`), the company, the name | one lead |
| full name and company; one of both has no address of a person | one lead, which gets the address |
| full name and company; the addresses differ by case, `+tag`, Gmail's dots | one lead |
| full name, company and phone; the addresses differ | one lead: the address is corrected |
| full name and company; the addresses differ | two leads, with a warning |
| a person's address at a company's domain, nothing else | two leads, with a warning |
| anything else | two leads |

A company is the same by its key or its domain, and not if the domains or the countries differ. A
full name has two words; case, accents, and which word is first make no difference. A doubt is two
leads, since two people in one cannot be told apart any more: so it is also where several stored
leads, or other rows of the file, have that name at that company. Numbers by which a CRM knows its
records are not looked at: a file does not say whose they are. In Python an id that is given to a
lead says who it is.

Of rows that repeat a lead the first counts. A lead that is stored already is updated:

| `--on-conflict` | |
|---|---|
| `replace` (default) | what the file says replaces what is stored |
| `fill` | it fills in what is blank there |
| `keep` | nothing changes |

A blank cell erases nothing, `info@` replaces no person's address, and an address that a later file
has corrected does not come back with the first one. A lead that changes is identified and judged
anew, on evidence that is known where its company is still the same. The summary counts new,
updated, unchanged and repeated leads, and so does `--dry-run`, which looks for the companies of the
leads as they would be stored.
"""


def page() -> str:
    """Return the text of docs/lead-files.md."""
    words = understood()
    rows = [f"| {meaning} | {_listed(words[kind])} |" for kind, meaning in _KINDS.items()]
    beside = [word for kind, listed in words.items() if kind not in _KINDS for word in listed]
    return _PAGE.format(
        words="\n".join(["| what it holds | words |", "|---|---|", *rows]),
        beside=_listed(beside),
        others=_listed(sorted(of_others())),
    )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    (ROOT / "docs" / "lead-files.md").write_text(page(), "utf-8")
