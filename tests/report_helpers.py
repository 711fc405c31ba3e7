# SPDX-License-Identifier: Apache-2.0
"""Made-up quantifications for tests of what is written of them, and checks of a page."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.record import FrequencyReference, LineWidth, Record, Transients
from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.models.estimate import Estimate, combine
from fsl_mrs_dl.quantify.result import MetaboliteQC, Panel, Quantification, RangeCheck
from fsl_mrs_dl.reports.manifest import Run, write_folder

LINES = {
    "GABA": (3.013, 2.284, 1.89),
    "Glu": (3.743, 2.339, 2.08),
    "Gln": (3.753, 2.43, 2.12),
    "NAA": (2.008, 2.6, 4.38),
    "NAAG": (2.04, 2.5),
    "Cr": (3.027, 3.913),
    "PCr": (3.029, 3.93),
    "GPC": (3.212,),
    "PCh": (3.208,),
    "Ins": (3.52, 3.61),
}
AMOUNTS = {
    "GABA": 1.2,
    "Glu": 9.5,
    "Gln": 2.4,
    "NAA": 11.0,
    "NAAG": 1.5,
    "Cr": 4.6,
    "PCr": 3.9,
    "GPC": 0.9,
    "PCh": 0.5,
    "Ins": 6.0,
}
DIFF_SIGN = {"NAA": -1.0, "NAAG": -1.0, "GABA": 1.0, "Glu": 0.6, "Gln": 0.6}


def panel(name, rng, noise=0.8):
    ppm = np.linspace(0.2, 4.4, 900)
    components: dict = {}
    for metabolite, shifts in LINES.items():
        scale = DIFF_SIGN.get(metabolite, 0.0) if name == "diff" else 1.0
        components[metabolite] = scale * AMOUNTS[metabolite] * sum(1 / (1 + 1j * (ppm - s) / 0.025) for s in shifts)
    baseline = (0.3 * np.cos(ppm) + 0j) * 2
    fit = sum(components.values()) + baseline
    data = fit + noise * (rng.normal(size=900) + 1j * rng.normal(size=900)) * 0.3
    return Panel(name, ppm, data, fit, baseline, components)


def estimates(sub, names=tuple(LINES)):
    out = []
    for name in names:
        v = AMOUNTS[name]
        sd = 0.08 * v + 0.05
        out.append(Estimate(name, v, sd, (v - sd, v + 1.1 * sd), (max(0, v - 2 * sd), v + 2.3 * sd), sub))
    return tuple(out)


def sums(parts):
    by_name = {e.name: e for e in parts}
    found = [
        combine(k, [by_name[n] for n in names if n in by_name]) for k, names in COMBINATIONS.items() if k != "GABA+"
    ]
    return tuple(e for e in found if e is not None)


HISTORY = Record(
    transients={
        "edit_off": Transients(20, tuple(np.linspace(0, 4, 20).tolist()), rejected=(3,)),
        "edit_on": Transients(20, tuple(np.linspace(0.5, 4.5, 20).tolist())),
    },
    cr_width_hz=LineWidth(15.0, 5.2),
    reference=FrequencyReference("edit_off", 0.0, float("nan"), 0.0, 9.0),
)


def full():
    rng = np.random.default_rng(1)
    parts = estimates("edit_off+diff")
    zero = Estimate("Asc", 0.0, 0.2, (0.0, 0.2), (0.0, 0.5), "edit_off+diff", flag="not visible")
    return Quantification(
        estimates=(*parts, zero),
        combinations=sums(parts),
        reference=("Cr", "PCr"),
        panels=(panel("diff", rng), panel("edit_off", rng)),
        qc={e.name: MetaboliteQC(20.0 + i, 6.5) for i, e in enumerate(parts)},
        fit_parameters={"shift_ppm": -0.012, "phase_deg": 4.2, "fwhm_hz": 6.4, "residual_ratio": 1.1},
        range_checks=(RangeCheck("fwhm_hz", 6.4, 2.0, 14.0), RangeCheck("snr", 9.0, 15.0, 250.0)),
        model={"name": "mega3t", "hash": "a" * 64, "version": "1.0"},
        flags=(Flag("drift", "4.0 Hz"), Flag("low_snr", "9 < 15"), Flag("outside_training")),
        fitted_fid=np.exp(-np.arange(512) / 80.0) * (1 + 0.5j),
        classical={e.name: e.value * 1.07 for e in parts},
        history=HISTORY,
    )


def diff_only():
    rng = np.random.default_rng(2)
    parts = estimates("diff", ("GABA", "Glu", "Gln", "NAA", "NAAG"))
    return Quantification(
        estimates=parts,
        combinations=sums(parts),
        reference=("NAA",),
        panels=(panel("diff", rng),),
        qc={},
        fit_parameters={"fwhm_hz": float("nan")},
        range_checks=(),
        model={"name": "mega3t", "hash": "b"},
        flags=(Flag("diff_only"),),
        fitted_fid=np.ones(512, complex),
    )


def refused():
    rng = np.random.default_rng(3)
    shown = panel("diff", rng)
    shown = replace(shown, fit=np.full_like(shown.fit, np.nan), baseline=np.full_like(shown.fit, np.nan), components={})
    return Quantification(
        estimates=(),
        combinations=(),
        reference=("Cr", "PCr"),
        panels=(shown,),
        qc={},
        fit_parameters={},
        range_checks=(RangeCheck("fwhm_hz", float("nan"), 2.0, 14.0),),
        model={"name": "mega3t", "hash": "c"},
        flags=(Flag("refused", "no signal above the noise"),),
    )


def spectra(q, name="sub-01_diff.nii.gz"):
    fid = np.ones(512, complex)
    given: dict = {"diff": fid} if len(q.panels) == 1 else {"edit_off": fid, "edit_on": fid, "diff": fid}
    return EditedSpectra(5e-4, 127.7, Path("/data") / name, te_s=0.068, tr_s=2.0, **given)


MAKERS = {"full": full, "diff_only": diff_only, "refused": refused}


def write(q, path, report=True):
    path.mkdir(exist_ok=True)
    options = {"data": Path("/data/x.nii.gz"), "overwrite": True, "h2o": None}
    run = Run(q, spectra(q), options=options, report=report, reproduce="fsl_mrs_dl fit --data x")
    write_folder(path, run)
    return {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}


def rows(text):
    return list(csv.reader(io.StringIO(text)))


class Page(HTMLParser):
    """Tags, their balance, and everything that a browser would fetch."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})

    def __init__(self):
        super().__init__()
        self.stack, self.fetched, self.tags, self.links = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        fetched = {"src", "xlink:href", "srcset", "action", "data", "poster"}
        self.links += [v for k, v in attrs if tag == "a" and k == "href"]
        self.fetched += [v for k, v in attrs if k in fetched or (k == "href" and tag != "a")]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, _attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def plots_of(text):
    return json.loads(re.search(r'<script type="application/json" id="plots">(.*?)</script>', text, re.DOTALL)[1])


def check_page(text):
    page = Page()
    page.feed(text)
    page.close()
    assert page.stack == []
    assert page.fetched == []
    # a link leads to another place of this page, or to a file beside it
    assert not [link for link in page.links if re.match(r"[a-z]+:|/", link)]
    assert "link" not in page.tags
    assert "img" not in page.tags
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest", text)
    assert not re.search(r"(?i)[\s\",>](nan|inf)[\s\",<]", text)
