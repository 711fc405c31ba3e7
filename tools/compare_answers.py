# SPDX-License-Identifier: Apache-2.0
"""Whether two checkouts answer alike: ``fit`` of the same files in both, their values and tables compared.

A change of the code that is not meant to move a value runs this against a checkout from before it::

    git worktree add /tmp/before COMMIT
    python tools/compare_answers.py /tmp/before . --data examples/megapress_raw.nii.gz ../shared/data/phantom_dev

Each checkout answers with its own weights. Keys that only the new one writes are allowed and counted, and so are
changes below the places of ``quantities.json`` that ``--but`` names (texts that were reworded); everything else that
differs is printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLES = (
    "summary.csv",
    "concentrations.csv",
    "qc.csv",
    "all_parameters.csv",
    "lcmodel/dl.table",
    "lcmodel/dl.csv",
    "lcmodel/dl.coord",
)
UNLIKE = ("/reproduce", "/versions", "/model/version")
"""What names the run or the release, and differs in every pair of runs."""


_PROGRAM = """
import json, sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "_EditableFinder" not in str(finder)]  # weights of this tree
from fsl_mrs_dl.cli.main import main
from fsl_mrs_dl.core.resources import weights_folder
assert weights_folder().samefile("weights"), weights_folder()
for data, output in json.load(sys.stdin):
    print(main(["fit", *data, "--output", output]), file=sys.__stderr__, flush=True)
"""
"""Fits of one checkout, one after the other in one process; the exit code of each as a line."""


def answers(tree: Path, runs: list[tuple[list[str], Path]]) -> list[str]:
    """Run ``fit`` of the checkout `tree` for every pair of arguments and output folder; what each said on failing."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    wanted = json.dumps([(data, str(output)) for data, output in runs if not output.exists()])
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, cwd=tree, env=environment, input=wanted, capture_output=True, text=True, check=False)
    said = iter(done.stderr.splitlines())
    found = []
    for _, output in runs:
        lines = []
        while not output.exists() and (line := next(said, "0")) not in ("0", "1", "2"):
            lines.append(line)
        found.append(" ".join(lines) if not output.exists() else "")
    return found


def differences(old: Any, new: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Pairs of a place and ``added``, or what stood there and what stands there now."""
    if where in UNLIKE:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (*old, *(key for key in new if key not in old)):
            place = f"{where}/{key}"
            if key not in old:
                yield place, "added"
            elif key not in new:
                yield place, f"{old[key]!r} -> missing"
            else:
                yield from differences(old[key], new[key], place)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (first, second) in enumerate(zip(old, new, strict=True)):
            yield from differences(first, second, f"{where}/{index}")
    elif old != new:
        yield where, f"{old!r} -> {new!r}"


def compare(old: Path, new: Path, but: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """Differences of two output folders but in some places, and the keys that only the new one has."""
    pair = [json.loads((folder / "quantities.json").read_text("utf-8")) for folder in (old, new)]
    every = list(differences(*pair))
    added = [place for place, change in every if change == "added"]
    found = [
        f"quantities.json{place}: {change}"
        for place, change in every
        if change != "added" and not place.startswith(but)
    ]
    for name in TABLES:
        texts = [(folder / name).read_text("utf-8").splitlines() for folder in (old, new)]
        found += [f"{name}: {a} -> {b}" for a, b in zip(*texts, strict=False) if a != b and "ersion" not in a]
        if len(texts[0]) != len(texts[1]):
            found.append(f"{name}: {len(texts[0])} lines -> {len(texts[1])} lines")
    return found, added


def cases(paths: list[Path], most: int) -> Iterator[tuple[str, list[str]]]:
    """A name and the arguments of ``fit`` for each file, at most `most` of a folder."""
    for path in paths:
        files = sorted(path.glob("*.nii.gz"))[:most] if path.is_dir() else [path]
        for file in files:
            reference = file.with_name("water_reference.nii.gz")
            yield str(file), ["--data", str(file.resolve())]
            if reference.exists():
                yield f"{file} with water", ["--data", str(file.resolve()), "--h2o", str(reference.resolve())]


def main() -> int:
    """Compare; exit code 1 where a value differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="checkout from before")
    parser.add_argument("new", type=Path, help="checkout to be judged")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="files, or folders of *.nii.gz")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the old answers here, and take those that are")
    parser.add_argument("--most", type=int, default=5, help="files of each folder (default 5)")
    parser.add_argument("--but", nargs="*", default=[], metavar="/KEY", help="places that were changed on purpose")
    args = parser.parse_args()
    bad, every = 0, list(cases(args.data, args.most))
    with tempfile.TemporaryDirectory() as scratch:
        names = [f"{number}_{Path(name).name.split('.')[0]}" for number, (name, _) in enumerate(every)]
        folders = []
        said = []
        for tree, where in ((args.old, args.keep or Path(scratch) / "old"), (args.new, Path(scratch) / "new")):
            where.mkdir(parents=True, exist_ok=True)
            folders.append([where.resolve() / name for name in names])
            runs = [(data, folder) for (_, data), folder in zip(every, folders[-1], strict=True)]
            said.append(answers(tree.resolve(), runs))
        for (name, _), old, new, before, after in zip(every, *folders, *said, strict=True):
            if old.exists() and new.exists():
                found, added = compare(old, new, tuple(args.but))
            else:
                found, added = ([] if before == after else [f"{before or 'done'} -> {after or 'done'}"]), []
            bad += bool(found)
            print(f"{'DIFFERS' if found else 'same'} {name}" + (f" ({len(added)} keys added)" if added else ""))
            print("".join(f"    {line[:300]}\n" for line in found[:20]), end="", flush=True)
    print(f"{bad} of {len(every)} differ" if bad else f"all {len(every)} alike")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
