"""How the sandbox behaves: its options, and the latency and fault of each request. Pure."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from orchestrator.embedded.sandbox.fake_data import invent, uniform

Rate = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=0)]
#: Rates of which at most one applies to a request.
_EXCLUSIVE = (
    "error reset timeout late",
    "poll_error poll_reset poll_timeout",
    "run_error run_blocked run_hang",
    "wall searxng",
    "not_found ambiguous",
)


class Behaviour(BaseModel):
    """What `POST /__faults` may change while the sandbox runs. Rates run from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_min_ms: Milliseconds = Field(default=200, description="shortest time of a search")
    latency_max_ms: Milliseconds = Field(default=800, description="longest time of a search")
    error_rate: Rate = Field(default=0, description="answers 503, charges nothing")
    reset_rate: Rate = Field(default=0, description="charges, then resets the connection")
    timeout_rate: Rate = Field(default=0, description="charges, then never answers")
    late_rate: Rate = Field(default=0, description="charges, then answers late_ms later")
    late_ms: Milliseconds = Field(default=30_000, description="how late a late answer is")
    run_error_rate: Rate = Field(default=0, description="runs end in an error, uncharged")
    run_blocked_rate: Rate = Field(default=0, description="Indeed refuses a run, uncharged")
    run_hang_rate: Rate = Field(default=0, description="runs stay under way until cancelled")
    poll_error_rate: Rate = Field(default=0, description="answers 503 to a look at runs")
    poll_reset_rate: Rate = Field(default=0, description="resets the connection of a look")
    poll_timeout_rate: Rate = Field(default=0, description="never answers a look")
    events_elsewhere: bool = Field(
        default=False, description="events come from another process than the run's: no end in them"
    )
    interrupted_then_succeeds_rate: Rate = Field(
        default=0, description="runs that a restart interrupts, succeed later and are charged"
    )
    interrupted_late_ms: Milliseconds = Field(
        default=5_000, description="how long after the restart they succeed"
    )
    not_found_rate: Rate = Field(default=0.06, description="companies nothing is known of")
    ambiguous_rate: Rate = Field(default=0.02, description="names that mean several companies")
    world: Literal["simple", "real"] = Field(
        default="simple",
        description="simple: a search brings what /enrich does; real: all verbs, hard to read",
    )
    wall_rate: Rate = Field(default=0.02, description="searches that Google walls: no items, free")
    searxng_rate: Rate = Field(
        default=0.02, description="searches that a substitute engine answers, free"
    )
    rate_limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="requests a minute, then 429; unlimited when unset"
    )
    credit_micros: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="micro-USD that runs may cost until 402; unlimited when unset"
    )
    speaks: Literal["both", "enrich", "workspace"] = Field(
        default="both", description="the protocol that there is; a real service has one"
    )
    api_access: bool = Field(
        default=True, description="the workspace may be used over the API; else 403, and unlisted"
    )
    has_search: bool = Field(default=True, description="the version has google_search.scrape")
    has_maps: bool = Field(default=True, description="the version has google_maps.scrape")
    has_crawl: bool = Field(default=True, description="the version has web.crawl")
    has_jobs: bool = Field(default=True, description="the version has indeed.scrape")
    lacks_fields: str = Field(
        default="", description="fields that the verbs' schemas lack, by comma, as after a drift"
    )
    billing: bool = Field(default=True, description="capabilities have a price, as in the cloud")
    honour_idempotency_key: bool = Field(
        default=False, description="charge a repeated Idempotency-Key once; SurfSense does not"
    )
    seed: int = Field(default=0, description="another seed, other faults")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.latency_max_ms < self.latency_min_ms:
            raise ValueError("latency_max_ms must not be less than latency_min_ms")
        for names in _EXCLUSIVE:
            if sum(getattr(self, f"{name}_rate") for name in names.split()) > 1:
                raise ValueError(f"the rates {names} add up to more than 1")
        return self

    def invent(self, name: str, key: str, now: datetime) -> dict[str, Any]:
        """Return the simple world's answer about the company *key*, asked for as *name*."""
        shares = {"not_found_rate": self.not_found_rate, "ambiguous_rate": self.ambiguous_rate}
        return invent(name, key, now, **shares)

    @property
    def verbs(self) -> frozenset[str]:
        """The verbs that this version has; the simple world knows searches only."""
        has = {
            "google_search.scrape": self.has_search,
            "google_maps.scrape": self.has_maps and self.world == "real",
            "web.crawl": self.has_crawl and self.world == "real",
            "indeed.scrape": self.has_jobs and self.world == "real",
        }
        return frozenset(verb for verb, is_there in has.items() if is_there)


class SandboxOptions(Behaviour):
    """The options that a sandbox is started with."""

    api_key: SecretStr | None = Field(default=None, description="bearer token to ask for")
    bill_path: Path | None = Field(
        default=None, description="file that keeps the bill over restarts; memory when unset"
    )
    workspace_id: str = Field(default="1", description="the workspace that the key is for")
    workspace_name: str = Field(default="Sandbox", description="its name")
    more_workspaces: str = Field(
        default="", description="further ones, with a rate limit of their own: 2=Sales,3=Pool"
    )
    world_seed: int = Field(default=0, description="another seed, other companies (real world)")
    catalogue_size: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=500, description="companies that GET /__catalogue lists (real world)"
    )

    @property
    def workspaces(self) -> dict[str, str]:
        """The names of all workspaces by their ids."""
        pairs = (pair.partition("=") for pair in self.more_workspaces.split(",") if pair)
        more = {number.strip(): name.strip() for number, _, name in pairs}
        return {self.workspace_id: self.workspace_name} | more

    @property
    def runs_path(self) -> Path | None:
        """The file beside the bill that keeps the runs."""
        path = self.bill_path
        return None if path is None else path.with_name(f"{path.stem}.runs.jsonl")

    @property
    def behaviour(self) -> Behaviour:
        """The part that can change at run time."""
        return Behaviour.model_validate(self.model_dump(include=set(Behaviour.model_fields)))


def problems(error: ValidationError) -> str:
    """Return in one line what is wrong with the options that *error* is about."""
    return "; ".join(
        ": ".join([*map(str, fault["loc"]), fault["msg"].removeprefix("Value error, ")])
        for fault in error.errors()
    )


class Fault(StrEnum):
    """What goes wrong with a POST. All but `ERROR` come after it was charged, or accepted."""

    ERROR = "error"
    RESET = "reset"
    TIMEOUT = "timeout"
    LATE = "late"


class PollFault(StrEnum):
    """What goes wrong with a look at runs, which costs nothing."""

    ERROR = "poll_error"
    RESET = "poll_reset"
    TIMEOUT = "poll_timeout"


class RunFault(StrEnum):
    """What goes wrong in a run, uncharged."""

    ERROR = "run_error"
    BLOCKED = "run_blocked"
    HANG = "run_hang"


F = TypeVar("F", Fault, PollFault, RunFault)
#: Distinguishes the draws of the kinds of faults.
_TOPICS: dict[type, str] = {Fault: "fault", PollFault: "poll fault", RunFault: "run fault"}


def fault_of(kind: type[F], behaviour: Behaviour, topic: str, attempt: int) -> F | None:
    """Return the fault of the *attempt*-th request about a company or an endpoint, or None.

    Each fault's rate is the field of its name in *behaviour*.
    """
    drawn = uniform(behaviour.seed, topic, attempt, _TOPICS[kind])
    for fault in kind:
        rate: float = getattr(behaviour, f"{fault.value}_rate")
        if drawn < rate:
            return fault
        drawn -= rate
    return None


def latency_s(behaviour: Behaviour, key: str, attempt: int) -> float:
    """Return the seconds that the *attempt*-th search for a company takes."""
    span_ms = behaviour.latency_max_ms - behaviour.latency_min_ms
    drawn = uniform(behaviour.seed, key, attempt, "latency")
    return (behaviour.latency_min_ms + drawn * span_ms) / 1000
