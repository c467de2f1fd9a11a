"""`/docs`: the OpenAPI document as a page to read. It runs no script and loads nothing.

Its origin spends money, and so could what ran in it: docs/decisions/0020-docs-without-scripts.md.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from .problems import PROBLEMS

router = APIRouter(include_in_schema=False)

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#8881;padding:.7rem;overflow:auto}table{border-collapse:collapse}"
    "td,th{border:1px solid #8886;padding:.2rem .6rem;text-align:left;vertical-align:top}"
    ":root{color-scheme:light dark}"
)
_METHODS: Final = ("get", "put", "post", "delete", "patch")


@router.get("/docs")
async def reference(request: Request) -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(page_of(request.app.openapi()), headers=_HEADERS)


def page_of(document: Mapping[str, Any]) -> str:
    """Return *document* as HTML. Pure."""
    title = escape(document["info"]["title"])
    return "".join(
        (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
            _paragraphs(document["info"].get("description", "")),
            '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>',
            *_operations(document["paths"]),
            "<h2>Errors</h2>",
            _paragraphs("The `type` of an error leads to its code in this list."),
            _problems(),
            "<h2>Schemas</h2>",
            *_schemas(document.get("components", {}).get("schemas", {})),
            "</body></html>",
        )
    )


def _operations(paths: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in paths.items():
        for method in _METHODS:
            if method in methods:
                yield from _operation(f"{method.upper()} {path}", methods[method])


def _operation(name: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{escape(name)}</code></h2><p><b>{escape(operation['summary'])}.</b></p>"
    yield _paragraphs(operation.get("description", ""))
    parameters = operation.get("parameters", ())
    if parameters:
        rows = [
            (each["name"], each["in"], _kind(each["schema"]), each.get("description", ""))
            for each in parameters
        ]
        yield _table(("parameter", "in", "kind", ""), rows)
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body: <code>{escape(media_type)}</code></p>"
        yield from map(_example, _examples_of(content))
    answers = [
        (status, answer.get("description", "")) for status, answer in operation["responses"].items()
    ]
    yield _table(("answer", ""), answers)


def _examples_of(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    named = content.get("examples", {}).values()
    examples = [(each.get("summary", ""), each["value"]) for each in named]
    return examples + ([("", content["example"])] if "example" in content else [])


def _example(example: tuple[str, Any]) -> str:
    summary, value = example
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return f"<p>{escape(summary)}</p><pre>{escape(text)}</pre>"


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        text = json.dumps(schema, ensure_ascii=False, indent=2)
        yield f"<details><summary><code>{escape(name)}</code></summary>"
        yield f"<pre>{escape(text)}</pre></details>"


def _problems() -> str:
    rows = (
        f'<tr id="{code}"><td>{code}</td><td>{status}</td><td>{escape(title)}.</td></tr>'
        for code, (status, title) in PROBLEMS.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _kind(schema: Mapping[str, Any]) -> str:
    """Return what a value is, in a word or two."""
    if "anyOf" in schema:
        kinds = [_kind(each) for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(kinds)
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    return str(schema.get("format") or schema.get("type", ""))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row(head, "th") + "".join(row(each, "td") for each in rows) + "</table>"
