"""How the table of legal forms is made out of what is kept by hand and the facts of ISO 20275."""

import subprocess
import sys

import pytest

from tests.support.project import ROOT
from tools.legal_forms.__main__ import ELF, SPELLINGS, TABLE, table
from tools.legal_forms.build import NOT_LINKED, build
from tools.legal_forms.elf import extract, read_elf
from tools.legal_forms.spellings import expand, read_spellings

HAND = "S.L.\tES\tform\tS.L.; sociedad limitada\nAG\tDE\tform\tAG; Aktiengesellschaft\n"


def test_the_table_is_what_its_inputs_give() -> None:
    """A change of one of the two files needs a run of the generator; its result is never edited."""
    assert table() == TABLE.read_text("utf-8"), "run `python -m tools.legal_forms`"


def test_the_table_does_not_depend_on_the_process() -> None:
    """Two runs of the generator write the same file."""
    code = "from tools.legal_forms.__main__ import table; print(ascii(table()))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("spelling", "ways"),
    [
        ("S.A. de C.V.", ["sa de cv", "sa de c v", "s a de cv", "s a de c v"]),
        ("a s", ["a s"]),
        ("gmbh and co", ["gmbh and co", "gmbh & co", "gmbh und co", "gmbh u co"]),
        ("pt ~ tbk", ["pt ~ tbk"]),
        ("~ tbk", ["tbk"]),
        ("株式会社~", ["株式会社~"]),
        ("~株式会社", ["~株式会社"]),
    ],
)
def test_a_spelling_stands_for_every_way_to_write_it(spelling: str, ways: list[str]) -> None:
    """The hand-kept file says an initialism once; the table has it together and apart."""
    assert expand(spelling) == ways


def line_of(elf: str, hand: str = HAND) -> dict[str, str]:
    """Return label and rest of each line of the table that *hand* and *elf* give."""
    text = build(read_spellings(hand), read_elf(elf))
    return dict(line.split("\t", 1) for line in text.splitlines() if not line.startswith("#"))


def test_a_form_of_the_list_adds_its_names_and_its_country() -> None:
    """What shares a telling spelling is the same form, wherever it exists."""
    lines = line_of("LI\tX1\tde\tAktiengesellschaft; Aktiengesellschaft nach altem Recht\tAG\n")

    assert lines["AG"] == "DE LI\tform\tag; aktiengesellschaft; aktiengesellschaft nach altem recht"


@pytest.mark.parametrize(
    ("elf", "reason"),
    [
        ("CL\tX1\tes\tAsociación Gremial\tAG\n", "two letters mean something else elsewhere"),
        ("LI\tX1\ten\tCompany of Stock; Aktiengesellschaft\tAG\n", "English words end other names"),
        (
            "LI\tX1\tde\tAktiengesellschaft\tAktien; AktG\n",
            "short and single words are not telling",
        ),
        ("LI\tX1\tde\tAktiengesellschaft\tAktiengesellschaft (alt)\n", "no name has brackets"),
        ("LI\t946C\tde\tAktiengesellschaft; Aktien Gesellschaft\t\n", "it is named an exception"),
    ],
)
def test_nothing_ambiguous_comes_from_the_list(elf: str, reason: str) -> None:
    """A spelling that could end another company's name is only added by hand."""
    assert line_of(elf)["AG"].endswith("\tform\tag; aktiengesellschaft"), reason


def test_the_exceptions_are_codes_of_the_list() -> None:
    """An exception that matches nothing is probably a typo."""
    assert {one.code for one in read_elf(ELF.read_text("utf-8"))} >= NOT_LINKED


def test_the_list_is_extracted_as_published() -> None:
    """Forms in use are taken, retired ones and codes without a country are not."""
    rows = [
        "ELF Code,Country,CC,J,S,Name,L,Lang,Trans,Abbr,Abbr trans,Created,Status,M,D,R",
        '4GJI,Poland,PL,,,spółka  jawna,Polish,pl,spolka jawna,"sp.j.;s.j.",sj,2017,ACTV,,,',
        "0000,Greece,GR,,,Old,Greek,el,Old,,,2017,INAC,,,",
        "8888,,,,,,,,,,,2017,ACTV,,,",
    ]

    text = extract("\n".join(rows), "a.csv")

    assert "a.csv" in text
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "PL\t4GJI\tpl\tspółka jawna; spolka jawna\tsp.j.; s.j.; sj"
    ]


def test_the_inputs_state_licence_and_source() -> None:
    """Both files say whose they are."""
    assert "Apache-2.0" in SPELLINGS.read_text("utf-8").partition("\n\n")[0]
    head = ELF.read_text("utf-8")[:1000]
    assert "GLEIF" in head
    assert "CC0" in head
