"""Build all pages as a site in ``dist/site``: ``make site``.

The pages link to each other, and to files of the repository, by relative paths. So the pages and the files that they
link to are copied with their paths, and every link works in the repository and on the site. A link that leads nowhere
is an error. The generator is ProperDocs, which reads the configuration of MkDocs (``mkdocs.yml``).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "build/site"
_LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")
_FENCE = re.compile(r"^ {0,3}```.*?^ {0,3}```", re.MULTILINE | re.DOTALL)


def list_pages() -> list[Path]:
    """Return the Markdown pages of the repository that are not ignored by git, relative to its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    pages = [Path(line) for line in done.stdout.splitlines() if not line.startswith((".github/", "tests/"))]
    return [page for page in pages if (ROOT / page).is_file()]


def list_linked_files(page: Path) -> set[Path]:
    """Return the files of the repository, other than pages, that ``page`` links to; a folder stands for its README."""
    text = _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    found = set()
    for link in _LINK.findall(text):
        target = (ROOT / page.parent / link).resolve()
        if target.is_file() and target.suffix != ".md" and target.is_relative_to(ROOT):
            found.add(target.relative_to(ROOT))
    return found


def copy_sources() -> None:
    """Copy pages and linked files to the folder that the generator reads."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    pages = list_pages()
    for path in sorted({*pages, *(file for page in pages for file in list_linked_files(page))}):
        target = SOURCE / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)


def main() -> int:
    """Build the site; returns the exit code of the generator."""
    copy_sources()
    program = Path(sys.executable).with_name("properdocs")
    return subprocess.run([program, "build", "--strict", "-f", "mkdocs.yml"], cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
