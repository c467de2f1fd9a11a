"""The seller's book survives its seller."""

from pathlib import Path

from orchestrator.embedded.sandbox.runs import Bill, Purchase


def purchase(key: str, name: str, purchase_id: str = "", cost_micros: int = 22_000) -> Purchase:
    """Return a charge about a company."""
    return Purchase(
        at_ms=1_795_435_200_000,
        key=key,
        name=name,
        purchase_id=purchase_id,
        outcome="encontrada",
        cost_micros=cost_micros,
    )


def test_the_bill_groups_by_company_and_keeps_the_names() -> None:
    """Two spellings of a company are two purchases of one company."""
    bill = Bill(None)

    bill.record(purchase("acme", "Acme S.L."))
    bill.record(purchase("acme", "ACME", cost_micros=5_500))
    bill.record(purchase("otra", "Otra"))

    assert bill.summary() == {
        "purchases": 3,
        "total_micros": 49_500,
        "companies": {
            "acme": {"purchases": 2, "micros": 27_500, "names": ["Acme S.L.", "ACME"]},
            "otra": {"purchases": 1, "micros": 22_000, "names": ["Otra"]},
        },
        "verbs": {
            "enrich": {
                "purchases": 3,
                "units": 3,
                "micros": 49_500,
                "companies": {
                    "acme": {"purchases": 2, "units": 2, "micros": 27_500},
                    "otra": {"purchases": 1, "units": 1, "micros": 22_000},
                },
            }
        },
    }


def test_a_charge_is_in_the_file_at_once(tmp_path: Path) -> None:
    """A second reader sees it while the first book is still open, as after a `kill -9`."""
    path = tmp_path / "new" / "bill.jsonl"
    bill = Bill(path)
    bill.record(purchase("acme", "Acme", "p-1"))

    reopened = Bill(path)

    assert reopened.summary() == bill.summary()
    assert reopened.key_charged_for("p-1") == "acme"
    bill.close()
    reopened.close()


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    """Half a line was never answered; what comes after it is legible."""
    path = tmp_path / "bill.jsonl"
    first = Bill(path)
    first.record(purchase("acme", "Acme"))
    first.close()
    with path.open("ab") as file:
        file.write(b'{"at_ms":17954352')

    second = Bill(path)
    second.record(purchase("otra", "Otra"))
    second.close()

    assert list(Bill(path).summary()["companies"]) == ["acme", "otra"]
    assert path.read_bytes().count(b"\n") == 2


def test_a_reset_forgets_without_erasing(tmp_path: Path) -> None:
    """The totals begin anew, also after a restart; the file keeps its past."""
    path = tmp_path / "bill.jsonl"
    bill = Bill(path)
    bill.record(purchase("acme", "Acme", "p-1"))

    bill.reset()
    bill.record(purchase("otra", "Otra"))
    bill.close()

    assert list(Bill(path).summary()["companies"]) == ["otra"]
    assert Bill(path).key_charged_for("p-1") is None
    assert b"Acme" in path.read_bytes()


def test_no_purchase_id_is_no_identity() -> None:
    """Buyers without an Idempotency-Key are not taken for each other."""
    bill = Bill(None)

    bill.record(purchase("acme", "Acme", ""))

    assert bill.key_charged_for("") is None
