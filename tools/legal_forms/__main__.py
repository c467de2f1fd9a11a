"""`python -m tools.legal_forms [--elf CSV] [--unknown]`: writes the table of legal forms."""

import argparse
from pathlib import Path

import orchestrator.identity
from tools.legal_forms.build import build, unknown
from tools.legal_forms.elf import extract, read_elf
from tools.legal_forms.spellings import read_spellings

HERE = Path(__file__).parent
SPELLINGS, ELF = HERE / "spellings.tsv", HERE / "elf.tsv"
TABLE = Path(orchestrator.identity.__file__).with_name("legal_forms.tsv")


def main() -> None:
    """Refresh what the command line says, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.legal_forms", description=__doc__)
    parser.add_argument("--elf", type=Path, metavar="CSV", help="GLEIF's list, to refresh elf.tsv")
    parser.add_argument("--unknown", action="store_true", help="list what the table leaves out")
    options = parser.parse_args()
    if options.unknown:
        print("\n".join(unknown(read_elf(ELF.read_text("utf-8")))))
        return
    if options.elf:
        ELF.write_text(extract(options.elf.read_text("utf-8-sig"), options.elf.name), "utf-8")
    TABLE.write_text(table(), "utf-8")


def table() -> str:
    """Return the table that the two inputs give."""
    hand, elf = read_spellings(SPELLINGS.read_text("utf-8")), read_elf(ELF.read_text("utf-8"))
    return build(hand, elf)


if __name__ == "__main__":
    main()
