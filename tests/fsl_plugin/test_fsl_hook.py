# SPDX-License-Identifier: Apache-2.0
"""The hook against a stand-in that has FSL-MRS's names and signatures: these run where FSL-MRS is not installed."""

import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.fsl_plugin import hook
from fsl_mrs_dl.fsl_plugin.compat import problem_with
from fsl_mrs_dl.fsl_plugin.conditions import find_conditions
from tests.helpers import pair_of, write_nifti

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "fsl_mrs_dl" / "fsl_plugin"

FITTING = """
class FitRes:
    def __init__(self, mrs, results, model, method, metab_groups, baseline_obj, ppmlim, runqc=True):
        pass
    combine = to_file = getConc = getUncertainties = calculateConcScaling = predictedFID = None

def fit_FSLModel(mrs, method="Newton", ppmlim=None, baseline="polynomial, 2", baseline_order=None, metab_groups=None,
                 model="voigt", x0=None, MHSamples=500, disable_mh_priors=False, fit_baseline_mh=False):
    if method in ("Newton", "MH", "init"):
        return ("own", mrs, method, x0)
    raise Exception("Unknown optimisation method.")
"""
FOLDER = """
def make_output_folder(output, overwrite):
    output.mkdir(parents=True)
    return "made"
"""
MAIN = """
import argparse
from pathlib import Path

def main():
    p = argparse.ArgumentParser()
    for name in ("data", "basis"):
        p.add_argument("--" + name)
    p.add_argument("--output", type=Path)
    p.add_argument("--algo", default="Newton")
    args = p.parse_args()
    from fsl_mrs.utils import fitting
    from fsl_mrs.scripts import make_output_folder
    make_output_folder(args.output, True)
    print(fitting.fit_FSLModel("mrs", method=args.algo, ppmlim=None))

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def stand_in(tmp_path):
    """Folder with a package ``fsl_mrs`` of a few lines."""
    root = tmp_path / "site"
    for name, text in {
        "__init__": '__version__ = "stand-in"',
        "utils/__init__": "",
        "utils/fitting": FITTING,
        "scripts/__init__": FOLDER,
        "scripts/fsl_mrs": MAIN,
    }.items():
        file = root / "fsl_mrs" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def python(code, *paths, flags=(), **environment):
    """Run `code` in a fresh interpreter that finds modules in `paths`."""
    path = os.pathsep.join(map(str, paths))
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FSL_MRS_DL")}
    return subprocess.run(
        [sys.executable, *flags, "-c", code],
        env={**clean, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=paths[0],
    )


REGISTER = "from fsl_mrs_dl.fsl_plugin.start import register; register(); "


PTH = (PLUGIN / "site" / "fsl_mrs_dl.pth").read_text()


def test_the_line_of_the_pth_touches_nothing_but_sys(tmp_path):
    code = (
        f"import sys; before = set(sys.modules)\n{PTH}\n"
        "print(sorted(set(sys.modules) - before), sys.meta_path[0].__name__, sys.meta_path[0].find_spec('json'))"
    )
    done = python(code, tmp_path, flags=["-S"])
    assert done.stdout.strip() == "[] FslMrsDlWaiter None", done.stderr
    assert len(PTH.splitlines()) == 1


@pytest.mark.parametrize("way", ["pth", "start"])
def test_either_file_of_the_start_adds_the_method(stand_in, tmp_path, way):
    """What Python makes of the two files, by hand, so that it is tested for versions that are not here too."""
    (tmp_path / "_fsl_mrs_dl_start.py").write_text((PLUGIN / "start.py").read_text())
    module, _, function = (PLUGIN / "site" / "fsl_mrs_dl.start").read_text().strip().partition(":")
    line = PTH.strip() if way == "pth" else f"import {module}; {module}.{function}()"
    code = f"{line}\nimport importlib.util, sys; importlib.util.find_spec('fsl_mrs.utils.fitting')\n" + (
        "import fsl_mrs.utils.fitting as f; print(hasattr(f.fit_FSLModel, '_fsl_mrs_dl'), "
        "[x for x in sys.meta_path if 'Waiter' in str(x)])"
    )
    done = python(code, stand_in, tmp_path, ROOT, flags=["-S"], PYTHONHOME="")
    assert done.stdout.strip() == "True []", done.stderr


def test_a_pth_whose_module_is_gone_leaves_fsl_mrs_alone(stand_in):
    code = f"{PTH}\nimport fsl_mrs.utils.fitting as f; print(f.fit_FSLModel(1))"
    done = python(code, stand_in, flags=["-S"])
    assert done.stdout.strip() == "('own', 1, 'Newton', None)", done.stderr


def test_a_missing_fsl_mrs_stays_missing(tmp_path):
    (tmp_path / "_fsl_mrs_dl_start.py").write_text((PLUGIN / "start.py").read_text())
    code = f"{PTH}\ntry:\n import fsl_mrs.utils.fitting\nexcept ModuleNotFoundError as e: print(e.name)"
    assert python(code, tmp_path, flags=["-S"]).stdout.strip() == "fsl_mrs"


@pytest.mark.parametrize("first", ["register", "fitting"])
def test_hook_is_in_place_in_either_order_and_only_once(stand_in, first):
    steps = ["import fsl_mrs.utils.fitting as f", "register()"]
    if first == "register":
        steps.reverse()
    code = (
        "from fsl_mrs_dl.fsl_plugin.start import register; import sys; "
        + "; ".join(steps)
        + "; register(); w = f.fit_FSLModel; print(hasattr(w, '_fsl_mrs_dl'), hasattr(w.__wrapped__, '_fsl_mrs_dl'), "
        "sum('Waiter' in str(x) for x in sys.meta_path))"
    )
    done = python(code, stand_in, ROOT)
    assert done.stdout.split() == ["True", "False", "0"], done.stderr


def test_names_imported_from_the_module_are_the_wrapped_ones(stand_in):
    code = REGISTER + "from fsl_mrs.utils.fitting import fit_FSLModel as f; print(hasattr(f, '_fsl_mrs_dl'))"
    assert python(code, stand_in, ROOT).stdout.strip() == "True"


@pytest.mark.parametrize(("value", "there"), [("1", False), ("yes", False), ("0", True), ("", True)])
def test_the_environment_switches_it_off(stand_in, value, there):
    code = REGISTER + "import fsl_mrs.utils.fitting as f; print(hasattr(f.fit_FSLModel, '_fsl_mrs_dl'))"
    done = python(code, stand_in, ROOT, FSL_MRS_DL_DISABLE=value)
    assert done.stdout.strip() == str(there), done.stderr


def test_a_broken_hook_is_one_line_and_fsl_mrs_goes_on(stand_in, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "_fsl_mrs_dl_start.py").write_text((PLUGIN / "start.py").read_text())
    # an fsl_mrs_dl whose hook cannot be imported
    (alone / "fsl_mrs_dl" / "fsl_plugin").mkdir(parents=True)
    for name in ("__init__.py", "fsl_plugin/__init__.py"):
        (alone / "fsl_mrs_dl" / name).write_text("")
    (alone / "fsl_mrs_dl" / "fsl_plugin" / "hook.py").write_text("raise RuntimeError('rotten')")
    code = (
        "import _fsl_mrs_dl_start; _fsl_mrs_dl_start.register(); import fsl_mrs.utils.fitting as f; "
        "print(f.fit_FSLModel(1))"
    )
    done = python(code, alone, stand_in)
    assert done.returncode == 0
    assert done.stdout.strip() == "('own', 1, 'Newton', None)"
    assert len(done.stderr.strip().splitlines()) == 1
    assert "rotten" in done.stderr


@pytest.mark.parametrize("method", ["Newton", "MH", "init", "dlx", "DL2", "", None, 3])
def test_every_other_method_passes_through_with_the_same_objects(method):
    seen = []

    def fit_FSLModel(*args, **kwargs):
        seen.append((args, kwargs))
        return answer

    answer, mrs, groups, x0 = object(), object(), [0, 1], np.zeros(3)
    wrapped = hook.wrapped_fit(fit_FSLModel, types.ModuleType("fitting"))
    assert wrapped(mrs, method=method, metab_groups=groups, x0=x0) is answer
    assert wrapped(mrs, method, (0.2, 4.2)) is answer
    (first, keywords), (second, none) = seen
    assert first == (mrs,)
    assert keywords["method"] is method
    assert keywords["metab_groups"] is groups
    assert keywords["x0"] is x0
    assert second == (mrs, method, (0.2, 4.2))
    assert none == {}


@pytest.mark.parametrize(
    ("method", "model"), [("dl", ""), ("dl:", ""), ("DL", ""), ("dl:invivo", "invivo"), ("dl:/a/b:c", "/a/b:c")]
)
def test_what_asks_for_the_back_end(method, model):
    assert hook.model_asked_for(method) == model


def test_errors_of_fsl_mrs_itself_pass_through(stand_in):
    code = REGISTER + "import fsl_mrs.utils.fitting as f; f.fit_FSLModel(1, method='dlx')"
    done = python(code, stand_in, ROOT)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("Exception: Unknown optimisation method.")


def test_it_stands_down_where_fsl_mrs_has_a_registry(stand_in):
    file = stand_in / "fsl_mrs" / "utils" / "fitting.py"
    file.write_text(file.read_text() + "\ndef register_method(name, function): pass\n")
    code = REGISTER + "import fsl_mrs.utils.fitting as f; print(hasattr(f.fit_FSLModel, '_fsl_mrs_dl'))"
    done = python(code, stand_in, ROOT)
    assert done.stdout.strip() == "False"
    assert done.stderr == ""


def test_another_version_is_only_told_to_those_who_ask_for_dl(stand_in):
    file = stand_in / "fsl_mrs" / "utils" / "fitting.py"
    file.write_text(file.read_text().replace("metab_groups=None", "groups=None"))
    code = REGISTER + "import fsl_mrs.utils.fitting as f; print(f.fit_FSLModel(1, method='{}'))"
    done = python(code.format("Newton"), stand_in, ROOT)
    assert done.stdout.startswith("('own'")
    assert done.stderr == ""
    done = python(code.format("dl"), stand_in, ROOT)
    assert done.returncode == 1
    assert "stand-in" in done.stderr
    assert "fit_FSLModel has no argument metab_groups" in done.stderr


def script(stand_in, *arguments):
    code = REGISTER + f"import sys; sys.argv = ['fsl_mrs', *{list(map(str, arguments))!r}]; "
    return python(code + "from fsl_mrs.scripts.fsl_mrs import main; main()", stand_in, ROOT)


def test_the_script_makes_its_folder_and_fits_as_ever(stand_in, tmp_path):
    done = script(stand_in, "--data", "x.nii.gz", "--basis", "b", "--output", tmp_path / "out")
    assert done.stdout.strip() == "('own', 'mrs', 'Newton', None)", done.stderr
    assert (tmp_path / "out").is_dir()


@pytest.mark.parametrize(
    ("algo", "data", "message"),
    [
        ("dl", "absent.nii.gz", "absent.nii.gz: no such file"),
        ("dl:invivi", "diff.nii.gz", "there is no model 'invivi' (did you mean 'invivo'?)"),
        ("dl", "raw.nii.gz", "fsl_mrs fits one averaged spectrum"),
        ("dl", "zero.nii.gz", "all data are zero"),
    ],
)
def test_what_dl_refuses_it_refuses_before_anything_is_written(stand_in, tmp_path, algo, data, message):
    pytest.importorskip("onnxruntime")
    off, on = pair_of(noise=0.01, rng=np.random.default_rng(0))
    write_nifti(tmp_path / "diff.nii.gz", ((on - off) / 2)[None, None, None])
    write_nifti(tmp_path / "zero.nii.gz", 0 * off[None, None, None])
    write_nifti(tmp_path / "raw.nii.gz", np.stack([off, on], -1)[None, None, None], dims=("DIM_DYN",))
    done = script(stand_in, "--data", tmp_path / data, "--basis", "b", "--output", tmp_path / "out", "--algo", algo)
    assert done.returncode in (1, 2)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_supported_versions_are_told_by_their_signatures():
    namespace = {}
    exec(FITTING, namespace)
    module = types.SimpleNamespace(**namespace)
    assert problem_with(module) == ""
    old = types.SimpleNamespace(**{**namespace, "FitRes": types.SimpleNamespace})
    assert "FitRes has no argument" in problem_with(old)
    assert "no fit_FSLModel" in problem_with(types.SimpleNamespace())


# the two conditions


def write_folder(folder, *, first="off", halved=True, extra=0.0):
    """What fsl_mrs_preproc_edit writes: edit_0, edit_1 and half of their difference."""
    folder.mkdir(exist_ok=True)
    off, on = pair_of(noise=0.01, rng=np.random.default_rng(1))
    pair = [off, on] if first == "off" else [on, off]
    for index, fid in enumerate(pair):
        write_nifti(
            folder / f"edit_{index}.nii.gz", fid[None, None, None, :, None].astype(np.complex64), dims=("DIM_EDIT",)
        )
    diff = (pair[1] - pair[0]) * (0.5 if halved else 1.0)
    diff = diff + extra * np.linalg.norm(diff) / np.sqrt(len(diff))
    return write_nifti(folder / "diff.nii.gz", diff[None, None, None].astype(np.complex64)), pair


@pytest.mark.parametrize("first", ["off", "on"])
@pytest.mark.parametrize("halved", [True, False])
def test_neighbours_that_subtract_to_the_data_are_taken(tmp_path, first, halved):
    diff, pair = write_folder(tmp_path, first=first, halved=halved)
    found = find_conditions(diff, {})
    assert found.factor == pytest.approx(0.5 if halved else 1.0, rel=1e-4)
    np.testing.assert_allclose(found.acquisition.fids[:, 0, 0], pair, rtol=1e-5, atol=1e-4)
    assert "which subtract to them" in found.sentence


def test_neighbours_of_other_data_are_left_alone_and_named(tmp_path):
    diff, _ = write_folder(tmp_path, extra=0.05)
    found = find_conditions(diff, {})
    assert found.factor is None
    assert found.acquisition.n_conditions == 1
    assert "do not subtract" in found.sentence


def test_neighbours_behind_a_link_are_found(tmp_path):
    diff, _ = write_folder(tmp_path / "preproc")
    link = tmp_path / "data.nii.gz"
    link.symlink_to(diff)
    assert find_conditions(link, {}).factor is not None


def test_the_environment_names_the_pair(tmp_path):
    diff, _ = write_folder(tmp_path / "a", first="on")
    alone = tmp_path / "diff.nii.gz"
    alone.write_bytes(diff.read_bytes())
    off, on = (str(tmp_path / "a" / name) for name in ("edit_1.nii.gz", "edit_0"))
    found = find_conditions(alone, {"FSL_MRS_DL_OFF": off, "FSL_MRS_DL_ON": on})
    assert found.acquisition.conditions == ("edit_off", "edit_on")
    assert found.factor == pytest.approx(-0.5, rel=1e-4)
    assert find_conditions(diff, {"FSL_MRS_DL_OFF": "none", "FSL_MRS_DL_ON": "none"}).factor is None
    with pytest.raises(ConfigError, match="FSL_MRS_DL_ON"):
        find_conditions(alone, {"FSL_MRS_DL_OFF": off})
    with pytest.raises(DataError, match="do not subtract"):
        find_conditions(tmp_path / "a" / "edit_1.nii.gz", {"FSL_MRS_DL_OFF": off, "FSL_MRS_DL_ON": off})


# commands


def test_doctor_finds_the_package_whole_and_says_what_is_missing(capsys):
    pytest.importorskip("onnxruntime")
    from fsl_mrs_dl.cli.main import main

    code = main(["doctor", "--json"])
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert code == (1 if any(entry["state"] == "bad" for entry in found.values()) else 0)
    assert found["network runtime"]["state"] == "ok"
    assert found["weights invivo"]["state"] == "ok"
    assert found["FSL-MRS"]["detail"]
    for name, entry in found.items():
        assert entry["state"] == "ok" or "install" in entry["advice"].lower(), name


def test_doctor_looks_for_every_package_that_is_installed_along():
    from importlib.metadata import requires

    from fsl_mrs_dl.cli.installation import NEEDED

    asked = {re.split(r"[\s;<>=!~\[]", line)[0] for line in requires("fsl_mrs_dl") or [] if "extra ==" not in line}
    assert asked - {"tomli"} == set(NEEDED)


def test_doctor_finds_altered_weights(tmp_path, monkeypatch, capsys):
    import shutil

    from fsl_mrs_dl.cli.main import main
    from fsl_mrs_dl.core import resources

    folder = tmp_path / "weights"
    shutil.copytree(resources.weights_folder() / "invivo", folder / "invivo")
    with (folder / "invivo" / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    monkeypatch.setattr(resources, "weights_folder", lambda: folder)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "BAD  weights invivo" in out
    assert "force-reinstall" in out


def test_doctor_sees_the_stand_in_with_and_without_hook(stand_in):
    code = "from fsl_mrs_dl.cli import installation as e; print([(f.name, f.state) for f in e._fsl_mrs()])"
    done = python(code, stand_in, ROOT)
    # the fresh interpreter of the check is isolated: no stand-in there
    assert "('FSL-MRS', 'ok'), ('--algo dl', 'bad')" in done.stdout, done.stderr
    done = python(code, stand_in, ROOT, FSL_MRS_DL_DISABLE="1")
    assert "('--algo dl', 'bad')" in done.stdout


def test_fsl_runs_a_program_of_fsl_mrs_with_the_back_end(stand_in, tmp_path):
    code = "import sys; from fsl_mrs_dl.cli.main import main; sys.exit(main(sys.argv[1:]))"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FSL_MRS_DL")}

    def fsl(*arguments):
        return subprocess.run(
            [sys.executable, "-c", code, "fsl", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**clean, "PYTHONPATH": f"{stand_in}{os.pathsep}{ROOT}"},
        )

    done = fsl("fsl_mrs", "--data", "x.nii.gz", "--basis", "b", "--output", tmp_path / "out")
    assert done.stdout.strip() == "('own', 'mrs', 'Newton', None)", done.stderr
    done = fsl("fsl_mrs", "--data", "x.nii.gz", "--output", tmp_path / "out2", "--algo", "dl")
    assert done.returncode == 1
    assert "x.nii.gz: no such file" in done.stderr
    done = fsl("fsl_mr")
    assert done.returncode == 2
    assert "did you mean 'fsl_mrs'?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(("--data", "raw.nii.gz"), "needs a water reference"), (("--h2o", "w.nii.gz"), "takes one raw file")],
)
def test_preprocessing_by_fsl_says_what_it_needs(tmp_path, arguments, text):
    done = subprocess.run(
        [sys.executable, "-m", "fsl_mrs_dl", "fit", "--preproc", "fsl", *arguments, "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert text in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_true_of_every_voxel_is_said_once(capsys):
    from fsl_mrs_dl.fsl_plugin.messages import tell, tell_once

    for _ in range(3):
        tell_once("caution: a sentence for one process")
        tell("twice and more")
    said = capsys.readouterr().err.splitlines()
    assert said.count("fsl_mrs_dl: caution: a sentence for one process") == 1
    assert said.count("fsl_mrs_dl: twice and more") == 3
