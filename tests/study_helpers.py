# SPDX-License-Identifier: Apache-2.0
"""Made-up studies for tests of what is shown of them."""

from __future__ import annotations

import numpy as np

from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.reports.study import Quantity, Scan, Value

GABA = Quantity("", "/Cr+PCr", "GABA")


def scan(subject, session=None, *, run=None, series="", flags=(), columns=None, report="", **values):
    """A scan whose values are given by metabolite, relative to Cr+PCr; the interval is a fifth of a value wide."""
    labels = {"session": f"ses-{session}" if session else "n/a", "run": f"run-{run}" if run else "n/a"}
    name = "_".join(
        [f"sub-{subject:02d}", *(label for label in labels.values() if label != "n/a"), *filter(None, [series])]
    )
    return Scan(
        name=name,
        participant=f"sub-{subject:02d}",
        series=series,
        values={(key, "/Cr+PCr"): Value(v, 0.8 * v, 1.2 * v) for key, v in values.items()},
        flags=tuple(Flag(code, "") for code in flags),
        snr=40.0,
        fwhm_hz=6.0,
        columns=columns or {},
        report=report,
        **labels,
    )


def study(n=12, sessions=(1, 2), seed=4):
    """Participants of two sites in two sessions: one is refused once, one has far too much GABA once."""
    rng = np.random.default_rng(seed)
    made = []
    for subject in range(1, n + 1):
        site = ("Here & <there>", "Oslo")[subject % 2]
        columns = {"site": site, "sex": "MF"[subject % 2], "age": str(20 + 3 * subject)}
        own = rng.normal(0.25, 0.02)
        for session in sessions:
            report = f"sub-{subject:02d}/ses-{session}/mrs/report.html"
            common = {"columns": columns, "report": report}
            if (subject, session) == (3, 2):
                curve = np.array([np.linspace(0.6, 4.1, 50), np.sin(np.arange(50.0))])
                refused = scan(subject, session, flags=("refused", "low_snr"), **common)
                made.append(refused.with_spectra({"diff": curve}))
                continue
            gaba = 0.9 if (subject, session) == (5, 1) else own + rng.normal(0, 0.008)
            flags = ("broad_lines",) if subject == 7 else ("drift",)
            made.append(scan(subject, session, flags=flags, GABA=gaba, Glx=6 * gaba, **common))
    return made
