"""A failure as JSON, so that the followers of a flight in other processes get it typed."""

from collections.abc import Mapping

from pydantic import BaseModel, JsonValue, ValidationError

from orchestrator.surfsense.errors import (
    AccessDenied,
    AnswerLost,
    EnrichmentError,
    MalformedAnswer,
    NotSent,
    PermanentEnrichmentError,
    RateLimited,
    RequestRejected,
    RunInterrupted,
    RunUnknown,
    ServiceUnavailable,
    TransientEnrichmentError,
)

_BY_CODE: dict[str, type[EnrichmentError]] = {
    error.code: error
    for error in (
        AccessDenied,
        AnswerLost,
        EnrichmentError,
        MalformedAnswer,
        NotSent,
        PermanentEnrichmentError,
        RateLimited,
        RequestRejected,
        RunInterrupted,
        RunUnknown,
        ServiceUnavailable,
        TransientEnrichmentError,
    )
}


class _Record(BaseModel):
    code: str
    args: tuple[str | int, ...]
    permanent: bool

    def to_error(self) -> EnrichmentError:
        known = _BY_CODE.get(self.code)
        if known is not None:
            return known(*self.args)  # type: ignore[arg-type]  # checked by the constructor
        # A later version wrote it: what to do is known, even though the reason is not.
        family = PermanentEnrichmentError if self.permanent else TransientEnrichmentError
        return family(str(self.args[0]))


def to_record(error: EnrichmentError) -> dict[str, JsonValue]:
    """Return *error* as a JSON object that `from_record` turns back into its equal."""
    return {
        "code": error.code,
        "args": list(error.args),
        "permanent": isinstance(error, PermanentEnrichmentError),
    }


def from_record(record: Mapping[str, object]) -> EnrichmentError:
    """Return the error that *record* was made of.

    A code of a later version comes back as its family, `TransientEnrichmentError` or
    `PermanentEnrichmentError`.

    Raises:
        ValueError: *record* was not made by `to_record`.
    """
    try:
        return _Record.model_validate(record).to_error()
    except (ValidationError, TypeError, IndexError) as error:
        raise ValueError("not a failure record") from error
