"""One named reason behind a score, and how a weight and trust become its points."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from .known import Known
from .vocabulary import FindingName

Params: TypeAlias = dict[str, JsonValue]


class Finding(BaseModel):
    """One reason why the score is what it is.

    `params` is what the sentence about it names; `trust` (0 to 1) how sure it is; `is_stale`
    says that age has already reduced the points.
    """

    model_config = ConfigDict(frozen=True)

    name: FindingName
    points: int
    trust: float = 1.0
    is_stale: bool = False
    params: Params = Field(default_factory=dict)
    sources: tuple[str, ...] = ()


def scored(
    name: FindingName,
    weight: int,
    basis: Sequence[Known[Any]],
    params: Params,
    strength: float | None = None,
) -> Iterator[Finding]:
    """Yield the finding that rests on *basis*, or nothing where it comes to no points.

    Args:
        name: What was found.
        weight: Points at full strength.
        basis: The facts behind it.
        params: What its sentence names.
        strength: 0 to 1; where left out, the trust in the best of the facts.
    """
    trust = max((known.trust for known in basis), default=0.0)
    points = round(weight * (trust if strength is None else strength))
    if points:
        yield Finding(
            name=name,
            points=points,
            trust=trust,
            is_stale=any(known.is_stale for known in basis),
            params=params,
            sources=tuple(sorted({known.source_url for known in basis if known.source_url})),
        )
