"""Decides whether a place on Google Maps is the company that is asked for. Pure."""

from .hosts import host_of, kind_of, registrable
from .model import Agreement, Belonging, Place, Subject
from .names import likeness


def belongs(subject: Subject, place: Place) -> Belonging:
    """Return whether *place* is the subject's, with the reasons.

    Another domain is a veto, unless the place's website is a page on somebody else's host.
    """
    host = host_of(place.website or "")
    if host and subject.domain and kind_of(host) is None:
        if registrable(host) != registrable(subject.domain):
            return Belonging(Agreement.CONFLICT, (f"its website is {host}",))
        return Belonging(Agreement.AGREE, (f"its website is {host}, as asked for",))
    found = likeness(subject.name, place.title)
    if found.is_same:
        return Belonging(Agreement.AGREE, ("the same name",))
    return Belonging(Agreement.WEAK, (f"its name is {place.title[:80]!r}",))
