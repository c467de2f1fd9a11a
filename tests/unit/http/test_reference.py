"""`/docs`: a page to read, in the origin that spends money."""

from html.parser import HTMLParser

from orchestrator.http.reference import page_of

from .conftest import Door


class _Page(HTMLParser):
    """The elements of a page, and what they refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, set[str]] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_runs_nothing_and_loads_nothing(door: Door) -> None:
    """No script, no style or image from anywhere, and a policy that allows none."""
    answer = await door.client.get("/docs")

    page = _Page(answer.text)
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "script-src" not in policy
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert set(page.attributes) <= {"lang", "charset", "href"}
    assert page.attributes["href"] == {"openapi.json"}


async def test_the_page_names_every_operation_with_its_parameters(door: Door) -> None:
    """What the OpenAPI document has is there to read."""
    document = (await door.client.get("/openapi.json")).json()
    page = _Page((await door.client.get("/docs")).text)

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in page.text
            assert all(each["name"] in page.text for each in operation.get("parameters", ()))
    assert all(name in page.text for name in document["components"]["schemas"])


def test_what_a_document_says_is_text() -> None:
    """Nothing of it becomes an element."""
    document = {
        "info": {"title": "<script>", "description": "<img src=x>"},
        "paths": {
            "/<b>": {"get": {"summary": "<i>", "responses": {"200": {"description": "<u>"}}}}
        },
        "components": {"schemas": {"<s>": {"type": "<em>"}}},
    }

    page = _Page(page_of(document))

    assert not {"script", "img", "i", "u", "s", "em"} & set(page.tags)
