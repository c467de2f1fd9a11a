"""Asks every Redis server that the settings name about itself.

Each question stands alone: what a server refuses to say, or a user may not ask, is a finding, and
hides nothing else.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import RedisError, ResponseError

from orchestrator.doctor.durability import check_durability
from orchestrator.doctor.finding import Finding, fault, warning
from orchestrator.doctor.redis_rules import DryRun, try_dry
from orchestrator.doctor.redis_verdict import (
    judge_databases,
    judge_password,
    judge_server,
    read_facts,
)
from orchestrator.infra.connections import FIXES, open_redis, refusal_code
from orchestrator.memo import Durability
from orchestrator.settings import RedisAddress, Settings

#: Which setting names the database of each purpose.
_VARIABLES = {
    "memo": "REDIS_URL",
    "jobs": "REDIS_URL",
    "gateway": "GATEWAY_REDIS_URL",
    "broker": "CELERY_BROKER_URL",
}
_RULES = "docs/operations.md has all rules that a user needs"


@dataclass(frozen=True, slots=True)
class _Database:
    purpose: str
    url: str = field(repr=False)
    address: RedisAddress


async def check_redis(settings: Settings) -> list[Finding]:
    """Examine each server as a whole, and whether each database on it can be used."""
    databases = _databases(settings)
    servers: dict[str, list[_Database]] = {}
    for database in databases:
        servers.setdefault(database.address.server, []).append(database)
    wanted = Durability(settings.intent_durability)
    results = await asyncio.gather(*(_check_server(group, wanted) for group in servers.values()))
    shared = judge_databases((database.purpose, database.address) for database in databases)
    return [shared, *(finding for result in results for finding in result)]


def _databases(settings: Settings) -> list[_Database]:
    urls = {"memo": settings.redis_memo_url, "jobs": settings.redis_jobs_url}
    if settings.has_redis_broker:
        urls["broker"] = settings.broker_url
    urls["gateway"] = settings.redis_gateway_url
    return [_Database(purpose, url, RedisAddress.parse(url)) for purpose, url in urls.items()]


async def _check_server(databases: Sequence[_Database], wanted: Durability) -> list[Finding]:
    """Examine one server; what makes its first database unusable is said once, for all."""
    refused: list[Finding] = []
    for database in databases:
        async with open_redis(database.url) as client:
            try:
                await client.ping()
                refused += _judge_dry_run(database, await try_dry(client, database.purpose))
            except (RedisError, OSError) as error:
                return [*dict.fromkeys(refused), _unusable(database, error)]
    first = databases[0]
    check = f"redis {first.address.server}"
    holds_work = any(database.purpose != "gateway" for database in databases)
    findings = [*dict.fromkeys(refused), *judge_password(first.address)]
    async with open_redis(first.url) as client:
        try:
            facts = read_facts(await client.info(), await _fsync(client))
        except (RedisError, OSError) as error:
            what = f"does not say how it is set up (INFO: {_met(error)})"
            return [*findings, warning(check, what, f"Give its user `+info`; {_RULES}.")]
        findings += judge_server(first.address.server, facts, holds_work=holds_work)
        if first.purpose == "memo":
            try:
                findings += await check_durability(check, client, facts, wanted)
            except (RedisError, OSError) as error:
                what = f"cannot confirm an intent ({_met(error)}), so nothing is bought"
                findings.append(fault(check, what, _fix(refusal_code(error))))
    return findings


def _unusable(database: _Database, error: Exception) -> Finding:
    purpose, number = database.purpose, database.address.database
    variable = _VARIABLES[purpose]
    what = f"cannot be reached ({purpose}, {_met(error)})"
    fix = f"Start the server, or correct {variable}."
    match refusal_code(error):
        case "WRONGPASS" | "NOAUTH":
            what, fix = f"refuses the password ({purpose})", f"Correct it in {variable}."
        case "NOPERM":
            what = f"its user may not choose database {number} ({purpose})"
            fix = f"Give its user `+select +ping`; {_RULES}."
        case "LOADING":
            what, fix = "is still loading its data", "Wait until it has, then ask again."
        case "ERR" if "cluster mode" in str(error):
            what = "is a Cluster, which has one database and not four"
            fix = "Use a server with `cluster-enabled no`, and Sentinel for a failover."
        case "ERR":
            what = f"has no database {number} ({purpose})"
            fix = "Raise `databases` in the server's configuration to 16, its default."
        case _ if isinstance(error, MasterNotFoundError):
            what = f"no Sentinel knows this master ({purpose})"
            fix = f"Correct EMASAI_SENTINEL_MASTER, or the hosts in {variable}."
        case _ if "CERTIFICATE_VERIFY_FAILED" in str(error):
            what = f"has a certificate that is not trusted ({purpose})"
            fix = f"Name the file of its CA in {variable}: `?ssl_ca_certs=/path/ca.pem`."
    return fault(f"redis {database.address}", what, fix)


def _judge_dry_run(database: _Database, dry_run: DryRun) -> list[Finding]:
    findings = []
    if dry_run.missing:
        rules = " ".join(dry_run.missing)
        what = f"its user may not do what is needed ({database.purpose}): {rules} missing"
        fix = f"Give its user `{rules}`; {_RULES}."
        findings.append(fault(f"redis {database.address}", what, fix))
    for code in sorted(dry_run.codes):
        what = "is full and refuses to write" if code == "OOM" else f"refuses to write ({code})"
        findings.append(fault(f"redis {database.address.server}", what, _fix(code)))
    return findings


def _fix(code: str) -> str:
    sentence = FIXES.get(code, "look at the server's log")
    return f"{sentence[0].upper()}{sentence[1:]}."


def _met(error: Exception) -> str:
    return refusal_code(error) or type(error).__name__


async def _fsync(client: Redis) -> str:
    """Return the setting, or an empty text where a managed server keeps it to itself."""
    try:
        settings = cast("dict[str, str]", await client.config_get("appendfsync"))
    except ResponseError:
        return ""
    return settings.get("appendfsync", "")
