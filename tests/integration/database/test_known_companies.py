"""Well-known companies through the company index: distinguished, and not split."""

from bench.key_companies import known
from bench.key_placement import Merged, fates_of_known, merged, placed
from orchestrator.identity import company_key

#: What no rule can join without joining others: `SA Damm` reads like `SA Recycling`, a group's
#: SGPS is another company than what it holds, and an article behind the name is not looked for.
SPLIT = {
    *("Corte Inglés, S.A. (El)", "S.A. Damm", "SA DAMM", "COTO CICSA", "SACI FALABELLA"),
    *("C.A. Ron Santa Teresa, S.A.C.A.", "S.C. Dedeman S.R.L."),
    *(
        "Jerónimo Martins, SGPS, S.A.",
        "JERONIMO MARTINS SGPS SA",
        "Corticeira Amorim, S.G.P.S., S.A.",
    ),
    *("CORTICEIRA AMORIM SGPS SA", "Sonae - SGPS, S.A.", "SONAE SGPS SA"),
}


async def test_country_and_domain_tell_all_of_them_apart_in_whatever_order_they_come() -> None:
    """Those whose names differ in the legal form only, too; by the name alone they are one."""
    companies = known()

    by_name = merged(companies, [company_key(company.name) for company in companies])
    by_all = [merged(*each) async for each in placed(companies)]

    assert (by_name.false, by_name.homonym) == (0, 0)
    assert by_name.form > 0
    assert by_all == [Merged(0, 0, 0)] * 3


async def test_no_lead_of_theirs_gets_another_company_s_key() -> None:
    """However it is written, and whatever it leaves out: it is ambiguous, or bought once more."""
    fates = dict(await fates_of_known(known()))

    assert {what: found.of_another for what, found in fates.items()} == dict.fromkeys(fates, 0)
    assert fates["name, country, domain"].ambiguous == 0


def test_their_spellings_have_one_key_but_for_a_few() -> None:
    """A spelling that comes to be read as another company's, or no longer as its own, shows."""
    apart = {
        spelling
        for company in known()
        for own in [min(map(company_key, company.spellings), key=len)]
        for spelling in company.spellings
        if company_key(spelling) != own
    }

    assert apart == SPLIT
