"""RabbitMQ as the broker, outside CI: `TEST_RABBITMQ_URL` names a server that may be used."""

import asyncio
import os
from pathlib import Path

from orchestrator.doctor import Level
from orchestrator.doctor.examine import examine
from orchestrator.settings import load
from tests.support.site import new_company, site_of


def test_rabbitmq_carries_the_messages(tmp_path: Path) -> None:
    """A worker works, the doctor finds no fault; what Redis holds stays there."""
    broker = {"CELERY_BROKER_URL": os.environ["TEST_RABBITMQ_URL"]}
    with site_of(tmp_path, **broker) as site:
        worker = site.crew.start("worker")
        company = new_company()
        site.submit(company)
        site.until_charged(company)

        diagnoses = asyncio.run(examine(load(**{**site.stack.variables, **broker})))

        assert worker.is_alive
    assert [diagnosis for diagnosis in diagnoses if diagnosis.level is Level.FAULT] == []
