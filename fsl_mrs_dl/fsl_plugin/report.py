# SPDX-License-Identifier: Apache-2.0
"""What FSL-MRS's report says of a fit by ``dl``; reports of other fits are left as they are."""

from __future__ import annotations

import functools
import html
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.errors import FslMrsDlError
from fsl_mrs_dl.fsl_plugin.compat import fsl_version
from fsl_mrs_dl.fsl_plugin.host import MARK
from fsl_mrs_dl.fsl_plugin.messages import in_words_of_fsl, tell

OWN_REPORT = "dl_report.html"
"""This program's own report, beside FSL-MRS's: spectra of both conditions, intervals; opens with no network."""

_RANGES = {
    "f0_mhz": "Frequency / MHz",
    "te_s": "TE / s",
    "fwhm_hz": "Line width / Hz",
    "snr": "SNR",
    "acquired_s": "Acquisition / s",
    "edit_on_ppm": "ON pulse / ppm",
    "edit_duration_s": "Editing pulse / s",
}


def add_to_report() -> None:
    """Wrap the functions of ``fsl_mrs.utils.report`` that write the summary, the methods and the file."""
    from fsl_mrs.utils import report

    _prepend(report, "svs_summary_div", summary_block)
    _replace(report, "svs_methods_summary", methods_text)
    _after(report, "create_svs_report", write_own_report)


def _prepend(module: Any, name: str, text: Callable[[Any], str]) -> None:
    def changed(original: Callable[..., Any], mrs: Any, res: Any, *args: Any, **kwargs: Any) -> Any:
        return text(res) + original(mrs, res, *args, **kwargs)

    _wrap(module, name, changed, position=1)


def _replace(module: Any, name: str, text: Callable[[Any], str]) -> None:
    def changed(_original: Callable[..., Any], res: Any, *_args: Any, **_kwargs: Any) -> Any:
        return text(res)

    _wrap(module, name, changed, position=0)


def _after(module: Any, name: str, action: Callable[..., None]) -> None:
    def changed(original: Callable[..., Any], mrs: Any, res: Any, *args: Any, **kwargs: Any) -> Any:
        answer = original(mrs, res, *args, **kwargs)
        action(res, *args, **kwargs)
        return answer

    _wrap(module, name, changed, position=1)


def _wrap(module: Any, name: str, changed: Callable[..., Any], *, position: int) -> None:
    """Let `changed` take over calls whose argument at `position` is a result of dl."""
    original = getattr(module, name, None)
    if not callable(original) or hasattr(original, MARK):
        return

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if len(args) > position and hasattr(args[position], "dl"):
            return changed(original, *args, **kwargs)
        return original(*args, **kwargs)

    setattr(wrapper, MARK, True)
    setattr(module, name, wrapper)


def summary_block(res: Any) -> str:
    """HTML: what made these numbers, how far to trust them, and what the columns mean."""
    facts, q = res.dl, res.dl.quantification
    model = q.model
    lines = ['<div id="fsl_mrs_dl" style="border:2px solid #0072B2;padding:0.5em 1em;margin:1em 0;text-align:left">']
    lines.append(f"<h2>Deep-learning estimates (--algo dl, fsl_mrs_dl {html.escape(__version__)})</h2>")
    refused = [flag.sentence for flag in q.flags if flag.severity == "refused"]
    lines += [f'<p style="color:#b00020"><b>REFUSED. {_escaped(text)}</b></p>' for text in refused]
    lines.append(
        f"<p>Model <b>{html.escape(str(model.get('name')))}</b>, SHA-256 "
        f"<code>{html.escape(str(model.get('hash')))}</code><br/>Spectra shown to the network: "
        f"{html.escape(facts.conditions)}.</p>"
    )
    others: list[str] = [flag.sentence for flag in q.flags if flag.severity == "caution"] + list(res.cautions())
    remarks: list[str] = [flag.sentence for flag in q.flags if flag.severity == "info"] + list(facts.notes)
    for heading, texts in (("Cautions", others), ("Remarks", remarks)):
        items = "".join(f"<li>{_escaped(text)}</li>" for text in texts) or "<li>none</li>"
        lines.append(f"<p><b>{heading}</b></p><ul>{items}</ul>")
    lines += [_gaba_plus(res), _range_table(q)]
    fitted = facts.functions.fitted
    if fitted:
        lines.append(
            f"<p>Not estimated by the network but fitted with the rest held, with FSL-MRS's own CRLB: "
            f"{html.escape(', '.join(fitted))}.</p>"
        )
    if facts.hidden and not q.refused:
        lines.append(f"<p>Without a value, because they do not show: {html.escape(', '.join(facts.hidden))}.</p>")
    for name, partner in facts.functions.covered.items():
        lines.append(
            f"<p>{html.escape(name)} has no value of its own: the network knows {html.escape(partner)} alone, which "
            "stands for both.</p>"
        )
    lines.append(
        "<p>The columns that FSL-MRS calls CRLB hold the network's calibrated standard deviation, not "
        f'Cram&eacute;r-Rao bounds. Intervals: quantities.json and <a href="{OWN_REPORT}">{OWN_REPORT}</a>.</p></div>'
    )
    return "\n".join(lines)


def _gaba_plus(res: Any) -> str:
    """GABA+ with its 95 % interval, which FSL-MRS's tables have no column for; empty where there is none."""
    facts = res.dl
    if not facts.plus or res.is_hidden("GABA+") or math.isnan(res.getConc("internal", "GABA+")):
        return ""
    low, high = res.interval95("GABA+")
    return (
        f"<p><b>GABA+</b> (GABA and the co-edited macromolecule at 3.0 ppm, as the area of DIFF from 2.8 to 3.2 ppm in "
        f"units of GABA's) / {html.escape(res.intrefstr)}: {res.getConc('internal', 'GABA+'):.3f}, 95 % interval "
        f"{low:.3f} to {high:.3f}. GABA alone depends on what is assumed of the macromolecule.</p>"
    )


def _escaped(text: str) -> str:
    return html.escape(in_words_of_fsl(text))


def _range_table(q: Any) -> str:
    found = {check.name: check for check in q.range_checks}
    rows = []
    for name, ends in dict(q.model.get("ranges", {})).items():
        check = found.get(name)
        value = f"{check.value:.4g}" if check is not None else "not known"
        verdict = "" if check is None else "inside" if check.inside else "<b>outside</b>"
        label = html.escape(_RANGES.get(name, str(name)))
        rows.append(
            f"<tr><td>{label}</td><td>{ends[0]:.4g} to {ends[1]:.4g}</td><td>{value}</td><td>{verdict}</td></tr>"
        )
    head = "<tr><th>Trained on</th><th>range</th><th>these data</th><th></th></tr>"
    return f'<table border="0" cellpadding="4">{head}{"".join(rows)}</table>'


def methods_text(res: Any) -> str:
    """HTML paragraph for a paper: only what is true of this fit."""
    facts, q = res.dl, res.dl.quantification
    model = q.model
    name = f"'{html.escape(str(model.get('name')))}' (SHA-256 {html.escape(str(model.get('hash'))[:12])}...)"
    reference = (
        "<p><h3>References</h3><p>[1] Clarke WT, Stagg CJ, Jbabdi S. FSL-MRS: An end-to-end spectroscopy analysis "
        "package. Magnetic Resonance in Medicine 2021;85:2950-2964 doi: 10.1002/mrm.28630."
    )
    start = (
        f"<p>Spectra were analysed with fsl_mrs_dl version {html.escape(__version__)} inside FSL-MRS version "
        f"{html.escape(fsl_version())} [1], part of FSL (FMRIB's Software Library, www.fmrib.ox.ac.uk/fsl). "
    )
    if q.refused:
        refusal = f"The data were refused as unusable for the model {name}; no concentrations are reported. "
        return start + refusal + reference
    fitted = facts.functions.fitted
    extra = f"The basis functions {html.escape(', '.join(fitted))} were fitted. " if fitted else ""
    amplitude = "one common amplitude, line" if not facts.unscaled.startswith("the common amplitude") else "line"
    own = ", of the fitted functions FSL-MRS's" if fitted else ""
    return (
        f"{start}Metabolite concentrations and their uncertainties were estimated by the neural network {name} from "
        f"{html.escape(' and '.join(facts.spectra.present))}. With these concentrations held, {amplitude} "
        "shape, frequency shift, phase and baseline of FSL-MRS's linear combination model were fitted to the "
        f"spectrum by least squares in {max(res.metab_groups) + 1} metabolite group(s) (baseline: "
        f"{html.escape(_baseline(res))}). {extra}Uncertainties are the network's, calibrated on its own test spectra "
        f"and no Cram&eacute;r-Rao bounds{own}. {reference}"
    )


def _baseline(res: Any) -> str:
    if hasattr(res, "_baseline_obj"):
        return str(res._baseline_obj)
    return f"polynomial of order {getattr(res, 'baseline_order', '?')}"


def write_own_report(res: Any, *args: Any, **kwargs: Any) -> None:
    """Write `OWN_REPORT` beside FSL-MRS's report, and let that one show its pictures without the internet."""
    from fsl_mrs_dl.core.files import write_text
    from fsl_mrs_dl.reports.html.report import render_report

    filename = kwargs.get("filename", args[0] if args else None)
    if filename is None:
        return
    facts = res.dl
    options = {"conditions": facts.conditions, "notes": "; ".join(res.notes()) or None}
    try:
        text = render_report(facts.quantification, spectra=facts.spectra, options=options, reproduce=facts.reproduce)
        write_text(Path(filename).with_name(OWN_REPORT), text)
        page = Path(filename).read_text("utf-8")
        write_text(Path(filename), without_network(page))
    except (FslMrsDlError, OSError) as error:
        tell(f"caution: {OWN_REPORT} could not be written ({error})")


_FROM_NETWORK = re.compile(r"<script[^>]*\ssrc=[\"']https://cdn\.plot\.ly/plotly[^>]*>\s*</script>")


def without_network(page: str) -> str:
    """A page of FSL-MRS with the plotly.js of this environment instead of the one from the internet."""
    if not _FROM_NETWORK.search(page):
        return page
    from plotly.offline import get_plotlyjs

    source = f'<script id="plotly">{get_plotlyjs()}</script>'
    first = _FROM_NETWORK.sub(lambda _: source, page, count=1)
    return _FROM_NETWORK.sub("", first)
