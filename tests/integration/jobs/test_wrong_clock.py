"""A process whose clock runs a day ahead decides about deadlines as all others do."""

from datetime import timedelta

from structlog.testing import capture_logs

from orchestrator.app import build
from orchestrator.doctor import Level
from orchestrator.doctor.workers import check_clocks
from orchestrator.infra.clock import ServerClock, utc_now
from orchestrator.settings import Settings
from tests.support.notifier import FakeNotifier

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


async def test_a_wrong_clock_is_corrected_and_told_at_the_start(
    settings: Settings, notifier: FakeNotifier
) -> None:
    """By Redis' clock, with a line in the log that says by how much."""
    wrong = ServerClock(lambda: utc_now() + DAY)

    with capture_logs() as logs:
        async with build(settings, notifier=notifier, clock=wrong) as runtime:
            now = runtime.clock()
            await runtime.follow_clock()

    assert abs(now - utc_now()) < MINUTE
    assert abs(runtime.clock_ahead - DAY) < MINUTE
    (line,) = [line for line in logs if line["event"] == "clock.is_wrong"]
    assert abs(line["ahead_s"] - DAY.total_seconds()) < MINUTE.total_seconds()


async def test_a_start_without_redis_has_its_own_clock(
    settings: Settings, notifier: FakeNotifier
) -> None:
    """What cannot be compared is said, and keeps nothing from starting."""
    away = settings.model_copy(
        update={"redis_url": type(settings.redis_url)("redis://127.0.0.1:1/1")}
    )

    with capture_logs() as logs:
        async with build(away, notifier=notifier) as runtime:
            assert runtime.clock_ahead == timedelta(0)

    assert [line["event"] for line in logs if line["event"].startswith("clock.")] == [
        "clock.not_compared"
    ]


async def test_the_doctor_compares_with_redis(settings: Settings) -> None:
    """A machine that is in time has nothing to read but that."""
    found = await check_clocks(settings)

    assert [(each.check, each.level) for each in found] == [("clock", Level.OK)]
