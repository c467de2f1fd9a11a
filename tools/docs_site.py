"""Hooks of `make docs`: the site is docs/, and the pages that lie at the root of the repository.

Links to what is no page (source files, tests) keep their text and lose their target.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
#: Pages of the site that are files of the repository's root.
FROM_ROOT = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
DECISIONS = "decisions.md"

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
_DEFINITION = re.compile(r"^\[([^\]]+)\]: (\S+).*\n?", re.MULTILINE)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from the root, and one that lists the decisions."""
    for page, name in FROM_ROOT.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text("utf-8")))
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    lines = [f"- [{path.stem[:4]}](decisions/{path.name}) {_title(path)}" for path in decisions]
    content = "# Decisions\n\nWhat was chosen, and why.\n\n" + "\n".join(lines) + "\n"
    files.append(File.generated(config, DECISIONS, content=content))
    for path in decisions:
        file = files.src_uris[f"decisions/{path.name}"]
        file.inclusion = file.inclusion.NOT_IN_NAV
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links of the repository to pages of the site."""
    del config
    source = FROM_ROOT.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    here = posixpath.dirname(page.file.src_uri)

    def lead(target: str) -> str | None:
        """Return where *target* is on the site; None if it is no page there."""
        path, _, anchor = target.partition("#")
        if ":" in path or not path:
            return target
        uri = _page(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        if uri is None or files.get_file_from_path(uri) is None:
            return None
        return posixpath.relpath(uri, here or ".") + (f"#{anchor}" if anchor else "")

    def replace(match: re.Match[str]) -> str:
        target = lead(match[2])
        return f"[{match[1]}]({target})" if target else match[1]

    gone = {label for label, target in _DEFINITION.findall(markdown) if lead(target) is None}
    text = _DEFINITION.sub(lambda match: "" if match[1] in gone else match[0], markdown)
    for label in gone:
        text = text.replace(f"[{label}]", label)
    return _LINK.sub(replace, text)


def _page(path: str) -> str | None:
    """Return the page that the repository's file or folder *path* is on the site."""
    for page, name in FROM_ROOT.items():
        if path == name:
            return page
    if path == "docs/decisions":
        return DECISIONS
    return path.removeprefix("docs/") if path.startswith("docs/") else None


def _title(path: Path) -> str:
    first, *_ = _TITLE.findall(path.read_text("utf-8"))
    return re.sub(r"^\d+[.:]\s*", "", first)
