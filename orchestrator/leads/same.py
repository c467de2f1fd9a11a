"""Who is the same lead when a person comes again: decided here and nowhere else. Pure.

The table for people is in docs/lead-files.md. A doubt is two leads: one too many can be deleted,
while two people in one cannot be told apart any more.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from agents.case import Lead
from agents.domains import is_within
from orchestrator.identity import InvalidCompanyName, company_domain, parse_name
from orchestrator.leadfile import fold, is_role_address, lead_id_of

_NO_DIGITS: Final = re.compile(r"\D+")
#: Digits at the end of a number that tell it from others, with or without its country.
_PHONE_DIGITS: Final = 9
_GMAIL: Final = ("gmail.com", "googlemail.com")


@dataclass(frozen=True, slots=True)
class Marks:
    """By what a lead is recognized.

    `address` is its e-mail address in lower case, `own` the mailbox behind it if that is one
    person's. `at_company` and `at_domain` are its full name together with its company's key, and
    with the domain, None where one of both is missing; `names` are both that there are.
    """

    lead: Lead
    company_key: str
    address: str | None
    own: str | None
    name: str
    domain: str | None
    at_company: str | None
    at_domain: str | None
    names: tuple[str, ...]

    @classmethod
    def of(cls, lead: Lead) -> "Marks":
        """Return the marks of *lead*."""
        address = (lead.email or "").strip().casefold() or None
        words = sorted(fold(lead.contact).split())  # "Ruiz, Ana" is "Ana Ruiz"
        # A single word names no person: `Ana`, `Compras`.
        name, is_full = " ".join(words), len(words) > 1
        company_key = _key_of(lead.company)
        domain = company_domain(lead.website) or company_domain(lead.email)
        at_company = f"{name}\n{company_key}" if is_full and company_key else None
        at_domain = f"{name}\n{domain}" if is_full and domain else None
        return cls(
            lead,
            company_key,
            address,
            None if address is None or is_role_address(address) else _mailbox(address),
            name,
            domain,
            at_company,
            at_domain,
            tuple(filter(None, (at_company, at_domain))),
        )

    @property
    def has_own_id(self) -> bool:
        """Whether the id was given to the lead, so says who it is; others are made of fields."""
        made = lead_id_of(self.lead.email, self.company_key, self.lead.contact)
        return self.lead.id != made


def _key_of(company: str) -> str:
    try:
        return parse_name(company).key
    except InvalidCompanyName:
        return ""


def _mailbox(address: str) -> str:
    """Return *address* as its provider takes it: without a tag; Gmail without dots, too.

    >>> _mailbox("ana+crm@a.test"), _mailbox("a.na@googlemail.com")
    ('ana@a.test', 'ana@gmail.com')
    """
    local, _, domain = address.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), _GMAIL[0]
    return f"{local}@{domain}"


@dataclass(frozen=True, slots=True)
class Match:
    """The stored lead that a lead is, if any; `is_doubtful` if none is, and one might be."""

    lead: Lead | None = None
    is_doubtful: bool = False


def match_all(leads: Sequence[Marks], stored: Iterable[Lead]) -> list[Match]:
    """Return which of *stored* each of *leads* is.

    Args:
        leads: Of one import, with different ids.
        stored: All that have id, address or name in common with them, the oldest first.
    """
    known = _LeadIndex(stored)
    # Of namesakes in one import, each is a person of its own.
    counts = Counter(name for lead in leads for name in lead.names)
    shared = {name for name, count in counts.items() if count > 1}
    return [known.match(lead, is_alone=shared.isdisjoint(lead.names)) for lead in leads]


def is_same(row: Lead, stored: Lead) -> bool:
    """Return whether a row that was taken for a stored lead still is, as that is stored now."""
    return match_all([Marks.of(row)], [stored])[0].lead is not None


def is_newer_address(stored: Lead, later: Lead) -> bool:
    """Return whether the address of *later* takes the place of that of *stored*, the same lead.

    Not one that several people read, nor the one that the lead was made with: a later file has
    replaced that.
    """
    if stored.email == later.email or not later.email:
        return False
    if not stored.email:
        return True
    old, new = Marks.of(stored), Marks.of(later)
    if later.id == stored.id and not new.has_own_id:
        return False
    return old.own is None if new.own is None else old.own != new.own


class _LeadIndex:
    """Stored leads by what they have in common with others."""

    def __init__(self, stored: Iterable[Lead]) -> None:
        self._by_id: dict[UUID, Lead] = {}
        self._by_address: defaultdict[str, list[Marks]] = defaultdict(list)
        self._by_name: defaultdict[str, list[Marks]] = defaultdict(list)
        for lead in stored:
            marks = Marks.of(lead)
            self._by_id[lead.id] = lead
            if marks.address is not None:
                self._by_address[marks.address].append(marks)
            for name in marks.names:
                self._by_name[name].append(marks)

    def match(self, row: Marks, *, is_alone: bool) -> Match:
        if stored := self._by_id.get(row.lead.id):
            return Match(stored)
        of_address = self._by_address.get(row.address or "", [])
        namesakes = {
            each.lead.id: each for name in row.names for each in self._by_name.get(name, ())
        }
        if not (of_address or namesakes) or row.has_own_id:
            return Match()
        for each in of_address:
            if _is_same_by_address(row, each):
                return Match(each.lead)
        here = [each for each in namesakes.values() if not _are_elsewhere(row, each)]
        if is_alone and len(here) == 1 and _agree(row, here[0]):
            return Match(here[0].lead)
        is_taken = row.own is not None and bool(of_address) and _is_of_company(row.address)
        return Match(None, is_doubtful=bool(here) or is_taken)


def _is_of_company(address: str | None) -> bool:
    return company_domain(address) is not None


def _is_same_by_address(row: Marks, stored: Marks) -> bool:
    """Return whether a row is the lead that is stored with its address.

    An address of one's own at a company's domain stays the same person's if the company is called
    otherwise; at a provider of free mail that is another job.
    """
    is_same_name, is_same_company = row.name == stored.name, row.company_key == stored.company_key
    if row.own is None:
        return is_same_name and is_same_company
    return is_same_company or (is_same_name and _is_of_company(row.address))


def _are_elsewhere(one: Marks, other: Marks) -> bool:
    """Return whether two namesakes are at two companies of one name."""
    countries = {one.lead.country, other.lead.country} - {None}
    if len(countries) > 1:
        return True
    if one.domain is None or other.domain is None:
        return False
    return not (is_within(one.domain, other.domain) or is_within(other.domain, one.domain))


def _agree(one: Marks, other: Marks) -> bool:
    """Return whether the addresses of two namesakes at one company may be one person's."""
    if one.own is None or other.own is None or one.own == other.own:
        return True
    phones = {_NO_DIGITS.sub("", each.lead.phone or "")[-_PHONE_DIGITS:] for each in (one, other)}
    return len(phones) == 1 and len(phones.pop()) == _PHONE_DIGITS
