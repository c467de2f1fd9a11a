"""Shows addresses without what is secret in them: never the user, never the password."""

from urllib.parse import urlsplit


def shown(url: str) -> str:
    """Return *url* without what is secret in it: user, password, query.

    A password that holds an unescaped `/`, `?` or `#` ends up elsewhere in the URL, so of one
    that cannot be read for certain only the scheme is shown.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or "@" in parts.path + parts.query + parts.fragment:
        return f"{parts.scheme}://(an address that cannot be shown)"
    where = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{where}{'' if port is None else f':{port}'}{parts.path}"
