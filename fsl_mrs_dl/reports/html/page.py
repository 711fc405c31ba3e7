# SPDX-License-Identifier: Apache-2.0
"""What every HTML page has in common: one file with style, script and plotly inside, that opens with no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fsl_mrs_dl.reports import tables

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
COLOURS = tuple(f"var(--c{number})" for number in range(8))
"""Of curves and groups, in turn; ``report.css`` has the colours themselves, for light and for dark paper."""

SEVERITIES = ("refused", "caution", "info")
"""In the order in which flags are shown."""


def plotly_script() -> str:
    """The source of plotly.js as the package ``plotly`` (extra ``report``) carries it; empty where it is missing.

    A page without it shows the same curves as drawings that do not zoom.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        return ""
    return get_plotlyjs()


def render_page(
    template: str,
    context: Mapping[str, Any],
    *,
    plots: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    scripts: Sequence[str] = ("report.js", "common.js"),
    styles: Sequence[str] = ("report.css",),
) -> str:
    """Fill `template`, which extends ``base.html.j2``.

    Parameters
    ----------
    template : str
        Name of a file in `TEMPLATES`.
    context : mapping
        Every text in it is escaped.
    plots : mapping, optional
        What the script draws with plotly, as JSON; left out of the page where plotly is missing.
    data : mapping, optional
        What the script needs besides, as JSON.
    scripts, styles : sequence of str
        Names of files in `TEMPLATES`.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plotly = plotly_script() if plots else ""
    return environment.get_template(template).render(
        **context,
        style=_joined(styles),
        script=_joined(scripts),
        plotly=plotly,
        plots=embedded_json(plots) if plotly else "",
        data=embedded_json(data) if data else "",
        versions=tables.versions(),
    )


def _joined(names: Sequence[str]) -> str:
    return "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names)


def embedded_json(content: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(tables.finite(content), allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
