"""Every error of the family crosses a process as itself."""

import json
import pickle  # noqa: TID251 - proves that an error survives it; nothing here uses it

import pytest
from celery import Celery

from orchestrator.surfsense import (
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
    SourceRefused,
    TransientEnrichmentError,
    from_record,
    to_record,
)
from orchestrator.surfsense.errors import renamed

EVERY_ERROR = [
    EnrichmentError("Acme"),
    TransientEnrichmentError("Acme"),
    ServiceUnavailable("Acme", "it answered 503"),
    NotSent("Acme"),
    RateLimited("Acme", 7),
    AnswerLost("Acme", "none within 0:04:00"),
    RunInterrupted("Acme", "run_1"),
    RunUnknown("Acme", "run_1"),
    PermanentEnrichmentError("Acme"),
    RequestRejected("Acme", 422, "empresa is missing"),
    MalformedAnswer("Acme", "the body is not a JSON object", 46_500),
    AccessDenied("Acme", 402, "$0.0021 left, $0.0055 required"),
    SourceRefused("Acme", "Indeed refused anonymous access"),
]

each_error = pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)


def _is_equal(one: BaseException | None, other: BaseException) -> bool:
    return (type(one), vars(one), str(one)) == (type(other), vars(other), str(other))


def _subclasses(error: type[EnrichmentError]) -> set[type[EnrichmentError]]:
    return {error}.union(*map(_subclasses, error.__subclasses__()))


def test_no_error_of_the_family_is_left_out_here() -> None:
    """A new subclass has to prove the promises of this file."""
    family = _subclasses(EnrichmentError)

    assert {type(error) for error in EVERY_ERROR} == family
    assert len({error.code for error in family}) == len(family)


@each_error
def test_an_error_is_rebuilt_from_its_arguments(error: EnrichmentError) -> None:
    """`type(e)(*e.args)` is e again, message and attributes included."""
    rebuilt = type(error)(*error.args)

    assert _is_equal(rebuilt, error)


@each_error
def test_an_error_survives_pickle(error: EnrichmentError) -> None:
    """A process pool of a caller may send it back."""
    rebuilt = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert _is_equal(rebuilt, error)


@each_error
def test_an_error_survives_celery_as_json(error: EnrichmentError) -> None:
    """Celery's JSON convention brings back the class, not a bare Exception."""
    backend = Celery("test", backend="cache+memory://", set_as_current=False).backend

    wire = json.loads(json.dumps(backend.prepare_exception(error, serializer="json")))
    rebuilt = backend.exception_to_python(wire)

    assert _is_equal(rebuilt, error)


@each_error
def test_an_error_is_shared_as_a_json_record(error: EnrichmentError) -> None:
    """A follower in another process gets the leader's error, typed."""
    record = json.loads(json.dumps(to_record(error)))

    rebuilt = from_record(record)

    assert record["code"] == error.code
    assert _is_equal(rebuilt, error)


@each_error
def test_a_message_names_the_company(error: EnrichmentError) -> None:
    """The message alone says which company it is about."""
    assert str(error).startswith("Acme: ")


@pytest.mark.parametrize(
    ("permanent", "family"), [(True, PermanentEnrichmentError), (False, TransientEnrichmentError)]
)
def test_a_later_versions_failure_keeps_its_family(
    permanent: bool,  # noqa: FBT001 - a parameter of the test
    family: type[EnrichmentError],
) -> None:
    """During a deploy an unknown code still says whether trying again makes sense."""
    record = {"code": "out_of_stock", "args": ["Acme", 3], "permanent": permanent}

    error = from_record(record)

    assert type(error) is family
    assert error.company == "Acme"


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"code": "rate_limited", "args": ["Acme"], "permanent": False},
        {"code": "rate_limited", "args": "Acme", "permanent": False},
        {"code": "out_of_stock", "args": [], "permanent": False},
        {"code": "rate_limited", "args": ["Acme", {"a": 1}], "permanent": False},
    ],
)
def test_what_is_no_failure_record_is_refused(record: dict[str, object]) -> None:
    """A damaged record is one clear ValueError, whatever is wrong with it."""
    with pytest.raises(ValueError, match="not a failure record"):
        from_record(record)


def test_access_denied_says_what_to_fix() -> None:
    """Credit and configuration are different errands."""
    assert "top up" in str(AccessDenied("Acme", 402))
    assert "SURFSENSE_API_KEY" in str(AccessDenied("Acme", 401))
    assert "SURFSENSE_WORKSPACE_ID" in str(AccessDenied("Acme", 403))
    assert "403 (no access); stop" in str(AccessDenied("Acme", 403, "no access"))


def test_a_denial_of_an_earlier_version_is_read() -> None:
    """Its record has no reason."""
    error = from_record({"code": "access_denied", "args": ["Acme", 402], "permanent": True})

    assert _is_equal(error, AccessDenied("Acme", 402))


def test_an_error_that_companies_share_is_renamed() -> None:
    """All but the name is kept."""
    assert _is_equal(renamed(RateLimited("", 7), "Acme"), RateLimited("Acme", 7))
