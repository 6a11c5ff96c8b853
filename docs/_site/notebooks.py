"""The notebooks in docs/notebooks: executes them, and makes pages of them.

    python docs/_site/notebooks.py           # executes each in an empty folder; an error in a cell is an error here
    python docs/_site/notebooks.py --write   # and keeps what they show

MkDocs calls :func:`on_files` (``hooks`` in mkdocs.yml): pages show what was kept.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
SECONDS_PER_CELL = 300


def execute(path: Path) -> dict[str, Any]:
    """The notebook with what its cells show now, without times and other things that differ each time."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=SECONDS_PER_CELL, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.clear()
    notebook.metadata = {key: notebook.metadata[key] for key in ("kernelspec",)} | {"language_info": {"name": "python"}}
    return json.loads(nbformat.writes(notebook))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds a page for each notebook; the notebook itself stays beside it."""
    from mkdocs.structure.files import File

    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page(json.loads(path.read_text()))))
    return files


def page(notebook: dict[str, Any]) -> str:
    """A notebook as Markdown; links between notebooks lead to pages."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source.replace(".ipynb)", ".md)"))
        else:
            parts += [f"```python\n{source}\n```", *map(shown, cell["outputs"])]
    return "\n\n".join(parts) + "\n"


def shown(output: dict[str, Any]) -> str:
    """What a cell shows, as HTML on one line: Markdown leaves that as it is."""
    data = output.get("data", {})
    if "text/html" in data:
        return "<div>" + "".join(data["text/html"]).replace("\n", " ") + "</div>"
    text = "".join(output.get("text") or data.get("text/plain", ""))
    return f"```text\n{text.rstrip()}\n```"


def main() -> None:
    """Executes all notebooks."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        start = time.monotonic()
        executed = execute(path)
        print(f"{path.name}: {time.monotonic() - start:.0f} s", flush=True)
        if "--write" in sys.argv[1:]:
            path.write_text(json.dumps(executed, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
