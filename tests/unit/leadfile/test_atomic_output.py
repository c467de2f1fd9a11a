"""An output is replaced whole or not at all, and an impossible one is refused beforehand."""

import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.leadfile import check_output, output_path, read_lead_file
from orchestrator.leadfile.files import LeadFileError, check_writable, replacing


def test_an_interrupted_write_leaves_the_old_content(tmp_path: Path) -> None:
    """Ctrl-C in the middle of writing leaves a valid output and no litter."""
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")

    def write_half() -> None:
        with replacing(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("out.csv", b"old")]


@pytest.fixture
def files_of_at_most_1000_bytes() -> Iterator[None]:
    """Let the system refuse larger files, as a full disk would in the middle of a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("files_of_at_most_1000_bytes")
def test_a_write_that_fails_half_way_leaves_the_old_content(tmp_path: Path) -> None:
    """A disk that gives out is one sentence, and the old output is still there."""
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")

    with pytest.raises(LeadFileError) as refused, replacing(path) as file:
        file.write(b"x" * 100_000)

    assert str(refused.value).startswith(f"{path} is larger than this system lets a file be; ")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("out.csv", b"old")]


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    """The new output has the mode of the old one."""
    path = tmp_path / "out.csv"
    path.touch()
    path.chmod(0o640)

    with replacing(path) as file:
        file.write(b"new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_gets_what_the_umask_leaves(tmp_path: Path) -> None:
    """An output is a file like any other that the user makes."""
    path, ordinary = tmp_path / "out.csv", tmp_path / "ordinary"
    ordinary.touch()

    with replacing(path) as file:
        file.write(b"new")

    assert path.stat().st_mode == ordinary.stat().st_mode


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    """The file that a link points to is replaced, not the link."""
    path, link = tmp_path / "real.csv", tmp_path / "link.csv"
    link.symlink_to(path)

    with replacing(link) as file:
        file.write(b"new")

    assert link.is_symlink()
    assert path.read_bytes() == b"new"


def test_a_writable_output_passes_and_is_not_touched(tmp_path: Path) -> None:
    """Checking neither creates the output nor leaves anything behind."""
    check_writable(tmp_path / "out.csv")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing/out.csv", "lies in a folder that does not exist; create the folder"),
        (".", "is a directory; name a file in it"),
        ("pipe", "is not a regular file; name another"),
        (f"{'x' * 300}.csv", "has too long a name; shorten it"),
    ],
)
def test_an_impossible_output_is_refused_in_one_sentence(
    tmp_path: Path, name: str, sentence: str
) -> None:
    """The reason is reported before any money is spent, not after."""
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / name

    with pytest.raises(LeadFileError) as refused:
        check_writable(path)

    assert str(refused.value).startswith(f"{path} {sentence}")


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("leads.csv", "leads.out.csv"),
        ("t.tsv", "t.out.tsv"),
        ("list.TXT", "list.out.TXT"),
        ("a.b.csv", "a.b.out.csv"),
        ("leads", "leads.out.csv"),
        ("leads.csv.gz", "leads.out.csv"),
        ("really-text.xls", "really-text.out.csv"),
    ],
)
def test_results_are_called_after_their_leads(tmp_path: Path, name: str, output: str) -> None:
    """With the suffix by which programs know the format."""
    path = tmp_path / name
    path.write_text("company,contact\nAcme,Ana\n", encoding="utf-8")

    assert output_path(read_lead_file(path)) == tmp_path / output


@pytest.mark.parametrize("name", ["out.ods", "out.xls", "out.json"])
def test_a_format_that_is_only_read_is_refused(tmp_path: Path, name: str) -> None:
    """Text under the name of a workbook would not open."""
    path = tmp_path / "leads.csv"
    path.write_text("company,contact\nAcme,Ana\n", encoding="utf-8")

    with pytest.raises(LeadFileError, match="is only read; name a"):
        check_output(tmp_path / name, read_lead_file(path))


@pytest.fixture
def locked_folder(tmp_path: Path) -> Iterator[Path]:
    """A read-only folder; root gives up its rights, which ignore modes."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    yield folder
    if was_root:
        os.seteuid(0)


def test_a_read_only_folder_is_refused(locked_folder: Path) -> None:
    """A folder without write permission is one sentence."""
    path = locked_folder / "out.csv"

    with pytest.raises(LeadFileError) as refused:
        check_writable(path)

    assert "permission denied" in str(refused.value)
