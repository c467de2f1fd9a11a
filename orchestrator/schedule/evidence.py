"""Whether two looks at a company have shown the same. Pure."""

import hashlib

import orjson

from agents.case import Evidence


def evidence_digest(evidence: Evidence | None) -> str:
    """Return what identifies the claims of *evidence*, whenever they were made and in any order.

    None, a company that SurfSense does not know, is a finding like any other.
    """
    claims = () if evidence is None else evidence.claims
    told = sorted(
        orjson.dumps([claim.field, claim.value, claim.confidence, claim.source_url])
        for claim in claims
    )
    found = b"none" if evidence is None else b"\n".join(told)
    return hashlib.blake2b(found, digest_size=16).hexdigest()
