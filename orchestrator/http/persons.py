"""What is kept about a person: `emasai person` over HTTP.

The address is in the body: URLs end in logs of proxies.
"""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from orchestrator.infra.bounds import Flag
from orchestrator.persons import (
    EmailAddress,
    Erasure,
    PersonExport,
    erase_person,
    export_person,
)

from .errors import BODY_ERRORS, documented
from .requests import BodyRoute, RuntimeOfApp
from .versions import WHOLE_INSTALLATION

router = APIRouter(
    prefix="/api/v1/persons",
    tags=["persons"],
    route_class=BodyRoute,
    dependencies=[WHOLE_INSTALLATION],
)


class Person(BaseModel):
    """A person, by e-mail address, compared without regard to case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: EmailAddress


class PersonErasure(Person):
    """The person whose data is erased; with `dry_run` nothing is erased."""

    dry_run: Flag = False


@router.post("/export", summary="Export a person's data", responses=documented(*BODY_ERRORS))
async def export(wanted: Person, runtime: RuntimeOfApp) -> PersonExport:
    """Return everything that is kept about a person. Nothing is changed."""
    return await export_person(runtime, wanted.email)


@router.post("/erase", summary="Erase a person's data", responses=documented(*BODY_ERRORS))
async def erase(wanted: PersonErasure, runtime: RuntimeOfApp) -> Erasure:
    """Erase a person's leads with all that goes with them, and answers that name the person.

    The ledger, which is about companies, stays. Repeating it is safe.
    """
    return await erase_person(runtime, wanted.email, dry_run=wanted.dry_run)
