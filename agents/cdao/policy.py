"""What the sales organisation wants, as values: the validated form of a policy file.

Nothing has a default here; the packaged `policy.toml` is the only place with values, and
explains each of them.

PolicyError(problems)    the policy cannot be used; start-up only, a judgement never fails
"""

import hashlib
import json
import tomllib
from datetime import timedelta
from importlib import resources
from typing import Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from agents.domains import host_of

from .countries import country_code
from .vocabulary import FindingName, NewsCategory, RequiredFact, Sector, SizeBand

_Word = TypeVar("_Word", bound=str)


class PolicyError(ValueError):
    """The policy is not fit to judge with; `problems` has one sentence for each fault."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        return f"the policy has {count} problem{'' if count == 1 else 's'}:\n{lines}"


def _known_country(code: str) -> str:
    if country_code(code) != code:
        raise ValueError(f"{code!r} is no ISO 3166-1 alpha-2 country code")
    return code


def _bare_domain(domain: str) -> str:
    if host_of(domain) != domain:
        raise ValueError(f"{domain!r} is no bare domain in lower case, such as 'acme.com'")
    return domain


def _decisive_news(category: NewsCategory) -> NewsCategory:
    if category not in {NewsCategory.CLOSURE, NewsCategory.INSOLVENCY}:
        raise ValueError("only closure and insolvency can be ruled out")
    return category


def _sorted_once(words: tuple[_Word, ...]) -> tuple[_Word, ...]:
    return tuple(sorted(set(words)))


# Sorted, so that neither order nor repetition in the file changes the version.
Words = Annotated[tuple[_Word, ...], AfterValidator(_sorted_once)]
Country = Annotated[str, AfterValidator(_known_country)]
Domain = Annotated[str, AfterValidator(_bare_domain)]
Share = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[int, Field(ge=-100, le=100)]
Bonus = Annotated[int, Field(ge=0, le=100)]
Malus = Annotated[int, Field(ge=-100, le=0)]
Amount = Annotated[int, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scoring(_Section):
    """Where the score starts and what it must reach."""

    baseline: Annotated[int, Field(ge=0, le=100)]
    threshold: Annotated[int, Field(ge=1, le=100)]
    decisive_trust: Annotated[float, Field(gt=0, le=1)]

    @model_validator(mode="after")
    def _nothing_known_is_not_enough(self) -> Self:
        if self.baseline >= self.threshold:
            raise ValueError("the baseline must be below the threshold")
        return self


class Weights(_Section):
    """Points of each finding at full trust, by its name; the sign is part of its meaning."""

    sector_fit: Bonus
    sector_misfit: Malus
    size_fit: Bonus
    size_misfit: Malus
    country_fit: Bonus
    outside_market: Malus
    hiring: Bonus
    technology_fit: Bonus
    own_domain_email: Bonus
    free_mail: Malus
    contact_reachable: Bonus
    website_found: Bonus
    news: dict[NewsCategory, Points]

    def of(self, finding: FindingName) -> int:
        """Return the weight of *finding*; news of a kind that is left out counts nothing."""
        name, is_news, category = finding.partition("news_")
        return self.news.get(NewsCategory(category), 0) if is_news else int(getattr(self, name))


class Market(_Section):
    """Whom we sell to. A sector or size in neither list has no points."""

    countries: Annotated[Words[Country], Field(min_length=1)]
    target_sectors: Words[Sector]
    avoided_sectors: Words[Sector]
    target_sizes: Words[SizeBand]
    avoided_sizes: Words[SizeBand]
    technologies: Words[str]

    def is_neutral(self, sector: Sector) -> bool:
        """Return whether *sector* is neither wanted nor avoided, where some are wanted."""
        listed = {*self.target_sectors, *self.avoided_sectors}
        return bool(self.target_sectors) and sector not in listed

    @model_validator(mode="after")
    def _wanted_or_avoided(self) -> Self:
        both: list[str] = [s for s in self.target_sectors if s in self.avoided_sectors]
        both += [s for s in self.target_sizes if s in self.avoided_sizes]
        if both:
            raise ValueError(f"both targeted and avoided: {', '.join(both)}")
        return self


class Domains(_Section):
    """Internet domains with a meaning of their own; each covers its subdomains.

    `free_mail` adds to what `agents.domains` knows.
    """

    own: Words[Domain]
    competitors: Words[Domain]
    free_mail: Words[Domain]


class Ageing(_Section):
    """How a claim loses weight as it grows old."""

    full_days: Annotated[int, Field(ge=0)]
    none_days: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _full_before_none(self) -> Self:
        if self.full_days >= self.none_days:
            raise ValueError("full_days must be less than none_days")
        return self

    def factor(self, age: timedelta) -> float:
        """Return the share of its weight, 0 to 1, that a claim of *age* keeps.

        A negative age, from a source whose clock runs ahead, counts as zero.
        """
        left = self.none_days - age / timedelta(days=1)
        return max(0.0, min(1.0, left / (self.none_days - self.full_days)))


class EvidenceRules(_Section):
    """How far evidence is trusted."""

    lead_confidence: Share
    facts: Ageing
    signals: Ageing


class Opportunity(_Section):
    """What a viable lead must have before the purchase of evidence stops.

    A fact is settled from `settled_trust` on.
    """

    required: Words[RequiredFact]
    settled_trust: Annotated[float, Field(gt=0, le=1)]
    rule_out: Words[Annotated[NewsCategory, AfterValidator(_decisive_news)]]


class Saturation(_Section):
    """How much of a countable thing earns its full points."""

    open_positions: Annotated[int, Field(ge=1)]
    technologies: Annotated[int, Field(ge=1)]


class Value(_Section):
    """What a customer is worth, in whole units of `currency`."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    unknown_size: Amount
    by_size: dict[SizeBand, Amount]

    @model_validator(mode="after")
    def _every_size(self) -> Self:
        missing = [band for band in SizeBand if band not in self.by_size]
        if missing:
            raise ValueError(f"by_size has no value for {', '.join(missing)}")
        return self


class Probability(_Section):
    """Chance of winning at the threshold and at a score of 100."""

    lowest: Share
    highest: Share

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lowest > self.highest:
            raise ValueError("lowest must not be above highest")
        return self


class Policy(_Section):
    """Everything the agent's judgement depends on besides the case itself."""

    scoring: Scoring
    weights: Weights
    market: Market
    domains: Domains
    evidence: EvidenceRules
    opportunity: Opportunity
    saturation: Saturation
    value: Value
    probability: Probability

    @property
    def version(self) -> str:
        """Twelve hex digits that change when, and only when, a value changes."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def parse_policy(text: str) -> Policy:
    """Read a policy from TOML.

    Raises:
        PolicyError: With every problem at once, or with the line where the TOML breaks off.
    """
    try:
        return Policy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        # A full stop would read as part of the position.
        raise PolicyError((f"the policy is not valid TOML; correct this: {error}",)) from None
    except ValidationError as error:
        raise PolicyError(tuple(_sentence(problem) for problem in error.errors())) from None


def default_policy() -> Policy:
    """Read the packaged `policy.toml`: the one file the agent's package ever opens."""
    return parse_policy(default_policy_text())


def default_policy_text() -> str:
    """Return the packaged `policy.toml` as it is, comments included, to start a policy from."""
    return resources.files(__package__).joinpath("policy.toml").read_text(encoding="utf-8")


def _sentence(problem: ErrorDetails) -> str:
    # Pydantic adds the marker to what is wrong with a table's key instead of its value.
    setting = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    match problem["type"]:
        case "missing":
            return f"{setting} is missing: add it, as in the packaged policy.toml"
        case "extra_forbidden":
            return f"{setting} is not a setting: correct its spelling or remove it"
        case _:
            message = problem["msg"].removeprefix("Value error, ")
            return f"{setting} cannot be used: {message[0].lower()}{message[1:]}; change it"
