"""The kinds of errors: their codes, which programs go by, and what each is.

A code is never given another meaning. `/docs` explains each at the address that `type_of` names.
"""

from typing import Final

PROBLEM_JSON: Final = "application/problem+json"

#: Code -> status, title.
PROBLEMS: Final = {
    "broken_off": (400, "The upload broke off"),
    "invalid_http": (400, "The request is not HTTP/1.1"),
    "invalid_json": (400, "The body is not JSON"),
    "refused": (400, "The request was refused"),
    "unreadable_body": (400, "The body is not text in UTF-8"),
    "unauthorized": (401, "The request has no valid key"),
    "missing_scope": (403, "The key has not the scope"),
    "other_tenant": (403, "The key is for another tenant"),
    "wrong_origin": (403, "The request comes from a web page of another origin"),
    "not_watched": (404, "A company is not watched"),
    "unknown_address": (404, "There is nothing at this address"),
    "unknown_job": (404, "There is no such job"),
    "unknown_lead": (404, "There is no such lead"),
    "unknown_oportunidad": (404, "There is no such opportunity"),
    "unknown_method": (405, "The address does not know the method"),
    "not_acceptable": (406, "The answer has none of the accepted media types"),
    "slow_body": (408, "The body came too slowly"),
    "both_have_history": (409, "Both companies have a history"),
    "decision_refused": (409, "The decision contradicts what is known"),
    "move_refused": (409, "The state cannot follow the present one"),
    "opportunity_exists": (409, "The lead has an opportunity"),
    "request_in_flight": (409, "The first request with this idempotency key is being answered"),
    "unreadable_job": (409, "The record of the job cannot be read"),
    "job_gone": (410, "The record of the job no longer exists"),
    "version_mismatch": (412, "The record has another version"),
    "too_large": (413, "The request is too large"),
    "unsupported_media_type": (415, "The body has another content type"),
    "wrong_host": (421, "The API answers under loopback names only"),
    "ambiguous_company": (422, "The name may mean several companies"),
    "idempotency_key_reused": (422, "The idempotency key stands for another request"),
    "invalid_request": (422, "The request has faults"),
    "no_usable_row": (422, "No row of the file has a usable lead or company"),
    "unreadable_file": (422, "The file cannot be read as a file of leads or companies"),
    "internal_error": (500, "An internal error stopped the request"),
    "busy": (503, "Other requests fill the memory"),
    "database_full": (503, "The database is full"),
    "database_unavailable": (503, "The database does not answer"),
    "disk_full": (503, "There is no room on the server's disk"),
    "redis_full": (503, "Redis is full"),
    "redis_refuses": (503, "Redis refuses to write"),
    "redis_unavailable": (503, "Redis does not answer"),
    "too_many_connections": (503, "The server has too many connections"),
}


def type_of(code: str) -> str:
    """Return the URI reference that identifies problems of *code*, and leads to its explanation."""
    return f"/docs#{code}"
