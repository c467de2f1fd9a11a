"""A program: reads a workbook from its standard input, and writes a sheet as lines of JSON.

The first line names the sheet, the first one with any text, and the sheets behind it; each further
line is a row. It is a process of its own, since a workbook of two kilobytes can claim a billion
cells, and the library then ends the process that it runs in. It imports nothing of this package.
"""

import resource
import sys
from datetime import date, datetime, time, timedelta
from typing import Final

import orjson

#: Bytes of memory; a workbook of a million leads needs a third of it.
MOST_MEMORY: Final = 2 << 30
#: Exit code where the library cannot read the workbook.
UNREADABLE: Final = 3


def main() -> int:
    """Return the exit code."""
    # Here, since the other process imports this module for its names.
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415

    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdin.buffer.seek(0)
    try:
        with CalamineWorkbook.from_filelike(sys.stdin.buffer) as book:
            for number, name in enumerate(book.sheet_names):
                sheet = book.get_sheet_by_index(number)
                if any(value != "" for row in sheet.iter_rows() for value in row):
                    _write([name, *book.sheet_names[number + 1 :]])
                    for row in sheet.iter_rows():
                        _write([_plain(value) for value in row])
                    break
    except CalamineError:
        return UNREADABLE
    sys.stdout.flush()
    return 0


def _write(line: list[object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")


def _plain(value: object) -> object:
    """Return a cell as JSON has it; what JSON has not is tagged."""
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    if isinstance(value, datetime | date | time):
        return {type(value).__name__: value.isoformat()}
    return value


if __name__ == "__main__":
    sys.exit(main())
