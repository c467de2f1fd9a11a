"""Lists in which several companies go by one name, or one by several, on their way in."""

import asyncio
from pathlib import Path

from redis.asyncio import Redis

from orchestrator.app import Runtime
from orchestrator.dispatch import submit_stream
from orchestrator.identity import Mention
from tests.integration.jobs.test_batches import ORDER, in_parts, results_of
from tests.support.known_companies import know


async def test_companies_of_one_name_are_items_of_their_own(runtime: Runtime) -> None:
    """Each once, by its website; and the bare name, which could be either, is no work."""
    spain, germany = Mention("Acme SL", "acme.es", "ES"), Mention("Acme GmbH", "globex.de", "DE")
    rows = ["Acme", spain.text, germany.text, Mention("Acme SL", "www.acme.es", "ES").text]

    job = await submit_stream(runtime, ORDER, in_parts(rows))

    items = await runtime.jobs.records.open_items(job.job_id, 0)
    bare, *_, again = await results_of(runtime, job)
    assert [Mention.of(item) for _, item in items] == [spain, germany]
    assert await runtime.jobs.records.row_counts(job, items) == [2, 1]
    assert (bare["status"], bare["company"]) == ("ambiguous", "Acme")
    assert bare["candidates"] == ["Acme SL (acme.es, ES, S.L.)", "Acme GmbH (globex.de, DE, GmbH)"]
    assert again == {}


async def test_a_name_that_means_nobody_shares_no_item_with_one_that_does(
    runtime: Runtime,
) -> None:
    """Although the first company of a shared name has the bare name's key."""
    spain, germany = Mention("Acme SL", "acme.es", "ES"), Mention("Acme GmbH", "globex.de", "DE")
    await submit_stream(runtime, ORDER, in_parts([spain.text, germany.text]))

    job = await submit_stream(runtime, ORDER, in_parts(["Acme", "Acme, S.L."]))

    assert await runtime.jobs.records.open_items(job.job_id, 0) == [(1, "Acme, S.L.")]
    assert job.tally["status:ambiguous"] == 1


async def test_a_row_keeps_its_own_website(runtime: Runtime, memo_redis: Redis) -> None:
    """Whatever the row says that is answered together with it."""
    await know(memo_redis, "acme")
    rows = [Mention("Acme", "acme.es").text, Mention("ACME", "https://acme.es/", "ES").text]

    job = await submit_stream(runtime, ORDER, in_parts(rows))

    results = await results_of(runtime, job)
    told = [(each["company"], each["website"], each["country"]) for each in results]
    assert told == [("Acme", "acme.es", None), ("ACME", "https://acme.es/", "ES")]
    assert {each["source"] for each in results} == {"hit"}


async def test_who_names_a_company_by_website_does_not_depend_on_who_does_not(
    runtime: Runtime,
) -> None:
    """Both are worked on while either may turn out to be another company; one pays."""
    rows = ["Acme", Mention("Acme", "acme.es").text, "ACME"]

    job = await submit_stream(runtime, ORDER, in_parts(rows))

    items = await runtime.jobs.records.open_items(job.job_id, 0)
    assert [Mention.of(item) for _, item in items] == [Mention("Acme"), Mention("Acme", "acme.es")]


async def test_work_is_accepted_while_nobody_can_say_who_is_meant(
    runtime: Runtime, memo_redis: Redis, tmp_path: Path
) -> None:
    """The database is unavailable: nothing is answered, all of it waits for the workers."""
    await know(memo_redis, "acme")
    await runtime.backends.engine.dispose()
    await asyncio.to_thread((tmp_path / "emasai.sqlite").write_text, "no database any more" * 100)

    job = await submit_stream(runtime, ORDER, in_parts(["Acme", "ACME", "Acme"]))

    assert (job.total, job.items, job.chunks, job.done) == (3, 2, 1, 0)
