"""With `EMASAI_LANGUAGE=es` people read Spanish; programs read the same JSON as ever."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import Emasai


@pytest.fixture(autouse=True)
def _spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMASAI_LANGUAGE", "es")


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    """Return a file of three leads of companies that are not known."""
    path = tmp_path / "leads.csv"
    rows = [f"Compañía x{uuid4().hex[:12]},Ana,ana{n}@gmail.com" for n in range(3)]
    path.write_text("\n".join(["company,contact,email", *rows, ""]), encoding="utf-8")
    return path


def test_a_dry_run_quotes_in_spanish(emasai: Emasai, leads: Path) -> None:
    """Of a file, and of a name with its website, which may be asked for twice."""
    of_file = emasai("run", leads, "--dry-run", "--max-cost", "0.1").out
    of_name = emasai("enrich", f"x{uuid4().hex[:12]}", "--website", "acme.test", "--dry-run").out

    assert "3 distintas y utilizables, 3 nuevos" in of_file
    for row in (
        "por comprar",
        "0,0465 US$ cada una como mucho",
        "dentro del límite",
        "coste máximo",
    ):
        assert row in of_file
    assert "como mucho, con el dominio" in of_name
    for english in ("distinct", "to buy", "cost at most", "each at most", "fresh in"):
        assert english not in of_file + of_name


def test_a_sample_projects_in_spanish(emasai: Emasai, leads: Path) -> None:
    """Its rows, and what the whole file would come to."""
    shown = emasai("run", leads, "--sample", "2").out

    for words in ("empresa", "motivo", "2 en la muestra", "precio de cada una", "coste del resto"):
        assert words in shown
    for english in ("sampled", "price of each", "cost of the rest", "reason"):
        assert english not in shown


def test_a_run_ends_in_spanish(emasai: Emasai, leads: Path) -> None:
    """Its table, and where the results are."""
    shown = emasai("run", leads).out

    assert "empresas distintas" in shown
    assert "Los resultados están en" in shown
    assert "hit rate" not in shown


def test_the_tables_are_spanish_and_the_json_is_not(
    emasai: Emasai, leads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of money, jobs, failures and what is known; the JSON is the same byte for byte."""
    emasai("run", leads)
    name = leads.read_text("utf-8").splitlines()[1].partition(",")[0]
    shown = {
        command: emasai(*command.split()).out
        for command in ("costs", "budget", "jobs list", "jobs failed", "handover list")
    } | {"explain": emasai("explain", name).out, "enrich": emasai("enrich", name).out}
    programs = [("costs", "--json"), ("jobs", "failed", "--json"), ("person", "export", "a@b.test")]
    programs[2] += ("--json",)
    spanish = [emasai(*command).out for command in programs]

    monkeypatch.setenv("EMASAI_LANGUAGE", "en")
    assert [emasai(*command).out for command in programs] == spanish
    for command, words in {
        "costs": ("compras", "cobrado", "gastado y ahorrado", "en total", " US$"),
        "budget": ("presupuesto", "reservado", "ninguno"),
        "jobs list": ("trabajo", "carril", "3/3"),
        "jobs failed": ("No ha fallado nada.", "motivo"),
        "handover list": ("próximo intento (UTC)", "pending"),
        "explain": ("tiene la clave", "por su nombre", "Comprado", "liquidada (UTC)", "Evaluado"),
        "enrich": ("ahorrado 0,0", "simulado", "confianza", " %"),
    }.items():
        # Other tests have failed items, or none.
        found = [word in shown[command] for word in words]
        assert any(found) if command == "jobs failed" else all(found), (command, shown[command])


@pytest.mark.parametrize("command", ["run", "jobs failed", "identity merge"])
def test_the_help_is_spanish(emasai: Emasai, command: str) -> None:
    """With its titles and its usage."""
    shown = emasai(*command.split(), "--help").out

    for words in ("Uso: ", "[OPCIONES]", "Opciones", "Mostrar este texto y terminar."):
        assert words in shown
    assert "Options" not in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--outptu", "x"], "No existe la opción --outptu"),
        (["enrich"], "Falta el argumento"),
        (["run", "x.csv", "--output"], "La opción '--output' necesita un valor."),
        (["run", "x.csv", "--sample", "many"], "Valor no válido para '--sample': "),
        (["run", "x.csv", "--sample", "0"], "Valor no válido para '--sample': "),
        (["run", "x.csv", "--on-conflict", "mix"], "'mix' no es ninguno de"),
        (["enrich", "A", "--max-cost", "abc"], "'abc' tiene que ser un importe en dólares"),
        (["enrich", "A", "--patience", "soon"], "'soon' no es una duración"),
        (["run", "x.csv", "--deadline", "9999d"], "está a más de 366 días"),
        (["run", "x.csv", "--column", "a"], "'a' no es CAMPO=NOMBRE"),
        (["run"], "indique un fichero de leads"),
        (["jobs", "show", "none"], "no existe el trabajo none"),
        (["jobs", "nope"], "No existe el comando 'nope'"),
        (["jobs", "list", "--limit", "x"], "Valor no válido para '--limit': "),
        (["explain", "a", "b"], "Sobran argumentos (b)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told_in_spanish(
    emasai: Emasai, arguments: list[str], sentence: str
) -> None:
    """Unknown options, missing and bad values, found by Typer or by us: what is wrong."""
    ended = emasai(*arguments)

    told = ended.err.partition("emasai: ")[2]
    first, *rest = told.splitlines()
    assert ended.code == 2
    assert sentence in first
    assert "simulated" not in ended.err
    for english in ("Invalid", "Input should", "Value error", "must be", "not a valid", "Missing"):
        assert english not in first
    assert not any(line.startswith(("Usage", "See")) for line in rest)


def test_a_missing_file_is_named_in_spanish(emasai: Emasai) -> None:
    """By both commands that read files."""
    for command in ("run", "enrich"):
        ended = emasai(command, "none.csv")
        assert (ended.code, "none.csv no existe" in ended.err) == (1, True)


def test_half_a_configuration_is_told_in_spanish(
    emasai: Emasai, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each problem of it."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    told = emasai("jobs", "list").err

    assert told.splitlines()[0] == "emasai: la configuración tiene 2 problemas:"
    assert "  - DATABASE_URL no está definido" in told
