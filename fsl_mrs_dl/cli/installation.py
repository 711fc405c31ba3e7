# SPDX-License-Identifier: Apache-2.0
"""What ``fsl_mrs_dl doctor`` finds: packages, the hook in FSL-MRS, weights, and the runtime of the network."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from fsl_mrs_dl import __version__

NEEDED = (
    "numpy",
    "scipy",
    "nifti-mrs",
    "nibabel",
    "onnxruntime",
    "jinja2",
    "matplotlib",
    "safetensors",
    "ancpbids",
    "threadpoolctl",
)
EXTRAS = {
    "train": ("torch", "onnx", "numba"),
    "tune": ("skopt",),
    "report": ("plotly",),
    "convert": ("spec2nii",),
    "pandas": ("pandas",),
    "cluster": ("fsl_sub",),
}
"""Extra: the modules that it brings."""


@dataclass(frozen=True)
class Finding:
    """One thing examined: `state` is ``bad`` where something that is there does not work, or what is needed is not."""

    name: str
    state: Literal["ok", "missing", "bad"]
    detail: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything; nothing is changed."""
    findings = [
        Finding("fsl_mrs_dl", "ok", f"{__version__} with Python {platform.python_version()} ({sys.executable})")
    ]
    findings += [_package(name) for name in NEEDED]
    findings.append(_runtime())
    findings += _weights()
    findings += _fsl_mrs()
    findings += [_extra(name, modules) for name, modules in EXTRAS.items()]
    return findings


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "bad", "not installed", f"{_pip()} {name}")


def _pip() -> str:
    return f"{sys.executable} -m pip install"


def _extra(name: str, modules: tuple[str, ...]) -> Finding:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if not missing:
        return Finding(f"extra [{name}]", "ok", ", ".join(modules))
    return Finding(
        f"extra [{name}]", "missing", f"without {', '.join(missing)} (optional)", f"{_pip()} 'fsl_mrs_dl[{name}]'"
    )


def _runtime() -> Finding:
    """Run the default model once on nothing but noise-free silence."""
    name = "network runtime"
    try:
        import numpy as np

        from fsl_mrs_dl.models.calibrated import load_model
        from fsl_mrs_dl.models.inputs import NetworkInput

        model = load_model(None)
        n = model.folder.grid.n_points
        answer = model.predict(NetworkInput(np.zeros((4, n), np.float32), np.ones(2, np.float32), 1.0))
        if not np.isfinite(answer.mean).all():
            return Finding(name, "bad", "the network's output is not finite", f"{_pip()} --force-reinstall fsl_mrs_dl")
        return Finding(name, "ok", f"onnxruntime ran the model {model.folder.name}")
    except Exception as error:  # whatever it is, the user is to read it here
        return Finding(
            name,
            "bad",
            f"{type(error).__name__}: {' '.join(str(error).split())}",
            f"{_pip()} --force-reinstall onnxruntime fsl_mrs_dl",
        )


def _weights() -> list[Finding]:
    from fsl_mrs_dl.core.errors import FslMrsDlError
    from fsl_mrs_dl.core.resources import shipped_models, weights_folder
    from fsl_mrs_dl.models.folder import open_model

    advice = f"{_pip()} --force-reinstall fsl_mrs_dl"
    names = shipped_models()
    if not names:
        return [Finding("weights", "bad", f"no model in {weights_folder()}", advice)]
    found = []
    for name in names:
        try:
            model = open_model(weights_folder() / name)
            found.append(Finding(f"weights {name}", "ok", f"hash holds ({model.digest[:12]}...)"))
        except (FslMrsDlError, OSError) as error:
            found.append(Finding(f"weights {name}", "bad", str(error), advice))
    return found


def _fsl_mrs() -> list[Finding]:
    from fsl_mrs_dl.fsl_plugin.compat import fsl_version, has_fsl_mrs, problem_with, registry_of

    if not has_fsl_mrs():
        detail = f"not in this environment ({sys.prefix}); fsl_mrs_dl fit works without it"
        advice = (
            "For --algo dl install this package where FSL-MRS is: $FSLDIR/bin/python -m pip install --no-user "
            "FOLDER_OF_THE_CLONE"
        )
        return [Finding("FSL-MRS", "missing", detail, advice)]
    try:
        fitting = importlib.import_module("fsl_mrs.utils.fitting")
        version = fsl_version()
    except Exception as error:  # a broken installation of FSL-MRS raises anything
        advice = "Repair FSL-MRS; with setuptools 82 or later its hlsvdpropy needs: pip install 'setuptools<82'"
        return [Finding("FSL-MRS", "bad", f"cannot be imported ({type(error).__name__}: {error})", advice)]
    problem = problem_with(fitting)
    if problem:
        return [
            Finding("FSL-MRS", "bad", f"version {version} is not supported: {problem}", "Install FSL-MRS 2.2 to 2.4")
        ]
    found = [Finding("FSL-MRS", "ok", f"version {version}, supported")]
    registry = registry_of(fitting)
    if registry:
        detail = f"stands down: FSL-MRS has a registry of methods of its own ({registry})"
        return [*found, Finding("--algo dl", "bad", detail, "Install a newer fsl_mrs_dl")]
    hook = _hook()
    return [*found, hook] if hook.state != "ok" else [*found, hook, _trial()]


def _trial() -> Finding:
    """Whether a real run of fsl_mrs works in a fresh, isolated Python."""
    from fsl_mrs_dl.cli.fsl_trial import try_fsl_mrs

    failure = try_fsl_mrs()
    if not failure:
        return Finding("fsl_mrs --algo dl", "ok", "quantified a made-up DIFF in a fresh Python")
    advice = (
        "If fsl_mrs without --algo dl fails too, repair FSL-MRS (numpy 1.26 needs nifti-mrs<1.4: "
        f"{_pip()} 'nifti-mrs<1.4'); else report this line"
    )
    return Finding("fsl_mrs --algo dl", "bad", f"a real fsl_mrs failed: {failure}", advice)


def _hook() -> Finding:
    """Whether a fresh interpreter without help, as fsl_mrs starts one, knows ``dl``."""
    disabled = os.environ.get("FSL_MRS_DL_DISABLE", "") not in ("", "0")
    if disabled:
        return Finding("--algo dl", "bad", "switched off by FSL_MRS_DL_DISABLE", "Run: unset FSL_MRS_DL_DISABLE")
    code = "import fsl_mrs.utils.fitting as f, sys; sys.exit(0 if hasattr(f.fit_FSLModel, '_fsl_mrs_dl') else 3)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return Finding("--algo dl", "ok", "fsl_mrs of this environment knows it")
    advice = (
        f"Install the package into this environment ({_pip()} --no-user FOLDER_OF_THE_CLONE; not with --user, not by "
        "PYTHONPATH, and with the rights to write there), "
        "or run: fsl_mrs_dl fsl fsl_mrs --algo dl ..."
    )
    if done.returncode == 3:
        reason = "python was started with -S" if sys.flags.no_site else "fsl_mrs_dl.pth is not in its site-packages"
        return Finding("--algo dl", "bad", f"a fresh Python does not have the hook: {reason}", advice)
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return Finding("--algo dl", "bad", f"FSL-MRS does not start in a fresh Python: {last}", advice)
