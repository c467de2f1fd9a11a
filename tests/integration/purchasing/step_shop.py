"""A seller of steps that keeps its own bill, and a process that researches one company with it."""

from collections.abc import Mapping
from copy import copy
from datetime import timedelta
from typing import Any, Self

from orchestrator.embedded.stack import Valkey
from orchestrator.evidence.model import Step
from orchestrator.evidence.waterfall import Offer, offers_for
from orchestrator.identity import Mention
from orchestrator.purchasing.research import Questions, Research
from orchestrator.surfsense import (
    Accepted,
    Answer,
    Found,
    NotFound,
)
from orchestrator.surfsense.verbs import answer_of
from tests.integration.purchasing.conftest import World, Worlds
from tests.support.surfsense import FakeRunSeller

NAME = "Talleres Arriaga SL"
MENTION = Mention(NAME, country="ES", city="Bilbao")
EMAIL = "info@talleresarriaga.example"
SITE = "https://talleresarriaga.example/"
PLACE = {
    "title": "Talleres Arriaga",
    "categoryName": "Taller de calderería",
    "city": "Bilbao",
    "countryCode": "ES",
    "website": SITE,
    "phoneUnformatted": "+34944000111",
    "url": "https://www.google.com/maps/place/?q=place_id:x",
}
HIT = {
    "title": "Talleres Arriaga | Calderería en Bilbao",
    "url": SITE,
    "description": "Calderería y mecanizado desde 1974.",
    "position": 1,
}
PAGE = {
    "url": SITE,
    "status": "success",
    "markdown": "# Talleres Arriaga SL\n\nCalderería y mecanizado en Bilbao. Somos un equipo de 85 "
    "personas.\n\nContacto: info@talleresarriaga.example",
    "metadata": {"title": "Talleres Arriaga SL", "description": "Calderería y mecanizado."},
    "contacts": {"emails": ["info@talleresarriaga.example"], "phones": [], "socials": []},
}
LEGAL = PAGE | {
    "url": f"{SITE}aviso-legal",
    "markdown": "# Aviso legal\n\nTalleres Arriaga SL, Calle Mayor 4, 48001 Bilbao.",
}
#: To what the home page has not said.
LINKS = [
    {"kind": "internal", "url": f"{SITE}{path}"}
    for path in ("contacto", "empresa", "aviso-legal", "blog")
]
ITEMS: Mapping[Step, list[dict[str, Any]]] = {
    Step.MAPS: [PLACE],
    Step.SEARCH: [{"organicResults": [HIT]}],
    Step.CRAWL: [PAGE],
    Step.PAGES: [LEGAL],
    Step.JOBS: [],
}
PRICES = {offer.step: offer.price_micros for offer in offers_for(has_place=True)}
CEILING = 17_000


class StepShop(FakeRunSeller):
    """Sells steps; charges the worst case of each, and nothing for what is empty."""

    step: Step | None = None

    def __init__(self) -> None:
        super().__init__()
        self.sold: list[Step] = []
        self.items = {step: list(items) for step, items in ITEMS.items()}
        self.errors: dict[Step, list[Exception]] = {step: [] for step in Step}
        self.bill = dict.fromkeys(Step, 0)
        self.asked_for: dict[Step, Mapping[str, Any]] = {}

    def of_step(self, step: Step, body: Mapping[str, Any], price_micros: int | None) -> Self:
        """Return the seller of *step*, with the same books."""
        assert body
        self.asked_for[step] = body
        bound = copy(self)
        bound.step = step
        bound.price_micros = price_micros or 0
        return bound

    async def submit(self, company: str, *, purchase_id: str) -> Accepted | Answer:
        """Take the order of a step."""
        accepted = await super().submit(company, purchase_id=purchase_id)
        assert self.step is not None
        self.sold.append(self.step)
        return accepted

    async def collect(self, run_id: str, *, company: str) -> Answer:
        """Return what is scripted for the step."""
        assert self.step is not None, (run_id, company)
        await self.gate.wait()
        if self.errors[self.step]:
            raise self.errors[self.step].pop(0)
        payload = answer_of(self.step, self.items[self.step])
        if not payload:
            return NotFound(0, cost_estimated=False)
        self.bill[self.step] += self.price_micros
        return Found(payload, self.price_micros, cost_estimated=False)


async def offers(has_place: bool) -> tuple[Offer, ...]:  # noqa: FBT001 - the port's
    """Offer everything at list prices."""
    return offers_for(has_place=has_place)


def open_world(worlds: Worlds, server: Valkey, shop: StepShop, ceiling: int = CEILING) -> World:
    """Return a process that researches companies."""
    world = worlds.open(server, shop)
    questions = Questions(world.memo_redis, entries_live=timedelta(hours=2))
    research = Research(world.memo, world.purchaser, offers, questions, ceiling_micros=ceiling)
    world.enricher._research = research  # noqa: SLF001 - as the composition root passes it
    return world
