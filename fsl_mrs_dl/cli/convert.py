# SPDX-License-Identifier: Apache-2.0
"""Convert a scanner's own file (Siemens TWIX, RDA, DICOM; Philips SDAT/SPAR, DICOM; GE P-file; UIH) to NIfTI-MRS.

spec2nii reads it, unless it is NIfTI-MRS to be repaired; then ON and OFF get their own dimension and their names.
docs/convert.md has a section for each vendor.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.cli.printing import add_json, print_json
from fsl_mrs_dl.io.formats import FORMATS

if TYPE_CHECKING:
    from fsl_mrs_dl.preprocess.convert import Converted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``convert``."""
    parser.add_argument("data", nargs="*", type=Path, metavar="FILE", help="file, folder of DICOM, or SDAT and SPAR")
    parser.add_argument("--on", type=Path, metavar="FILE", help="ON condition, if OFF and ON are separate files")
    parser.add_argument("--off", type=Path, metavar="FILE", help="OFF condition")
    parser.add_argument("--output", type=Path, required=True, metavar="NAME.nii.gz", help="file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier files of this name")
    parser.add_argument("--sidecar", action="store_true", help="also write the BIDS sidecar NAME.json")
    add_json(parser, "what was written")
    parser.add_argument("--format", metavar="F", help=f"one of {', '.join(FORMATS)} (default: found)")

    editing = parser.add_argument_group("editing, where the file does not tell it")
    editing.add_argument(
        "--order",
        choices=("on-off", "off-on", "auto"),
        help="order of ON and OFF among the dynamics; auto: decided by NAA, which is missing in ON",
    )
    editing.add_argument(
        "--block", default="1", metavar="N", help="consecutive dynamics of one condition, or half (default 1)"
    )
    editing.add_argument("--edit-on", type=float, metavar="PPM", help="frequency of the editing pulse in ON")
    editing.add_argument("--edit-off", type=float, metavar="PPM", help="frequency of the editing pulse in OFF")
    editing.add_argument("--edit-duration", type=float, metavar="S", help="duration of the editing pulses in s")

    more = parser.add_argument_group("of spec2nii")
    more.add_argument("--evalinfo", default="image", metavar="FLAG", help="part of a TWIX file (default image)")
    more.add_argument("--anon", action="store_true", help="leave out entries that identify the patient")
    more.add_argument("--spec2nii", default="", metavar="ARGS", help="further arguments, as one quoted text")


def run(args: argparse.Namespace) -> None:
    """Convert."""
    from fsl_mrs_dl.bids.sidecar import sidecar_of
    from fsl_mrs_dl.cli.arguments import split_words
    from fsl_mrs_dl.cli.options import as_options, option_names
    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.core.files import write_json
    from fsl_mrs_dl.io.averages import averages_of
    from fsl_mrs_dl.preprocess.convert import Editing, convert_scan, edit_pulses_of, sidecar_path

    if args.block != "half" and not (args.block.isdecimal() and int(args.block) > 0):
        raise ConfigError("--block is not a number", expected="1 or more, or half", got=args.block)
    pulses = edit_pulses_of({"ON": (args.edit_on, args.edit_duration), "OFF": (args.edit_off, args.edit_duration)})
    editing = Editing(args.order, None if args.block == "half" else int(args.block), pulses)
    made = convert_scan(
        args.data,
        args.output,
        editing,
        on=args.on,
        off=args.off,
        form=args.format,
        evalinfo=args.evalinfo,
        anonymise=args.anon,
        more=split_words(args.spec2nii, "--spec2nii"),
        overwrite=args.overwrite,
        sidecar=args.sidecar,
    )
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    names = option_names(parser)
    told = {item.path: [as_options(note, names) for note in item.notes] for item in made}
    sources = args.data or [path for path in (args.off, args.on) if path is not None]
    averages = [averages_of(path) for path in sources]
    for item in made:
        if args.sidecar:
            write_json(sidecar_path(item.path), sidecar_of(item.file, averages))
    described = [_described(item, told[item.path]) for item in made]
    if args.json:
        print_json(described)
        return
    for entry in described:
        _print(entry)


def _print(entry: dict[str, Any]) -> None:
    """A file that was written, in words."""
    lengths = [f"{entry['points']} points", *(f"{n} {tag}" for tag, n in entry["dimensions"].items())]
    order = f" ({', '.join(entry['conditions'])})" if entry["conditions"] else ""
    print(f"{entry['file']}: {', '.join(lengths)}{order}")
    for caution in entry["cautions"]:
        print(f"caution: {caution}")


def _described(item: Converted, cautions: list[str]) -> dict[str, Any]:
    """A file that was written, for `print_json`."""
    return {
        "file": str(item.path),
        "points": item.file.data.shape[3],
        "dimensions": dict(zip(item.file.tags, item.file.data.shape[4:], strict=True)),
        "conditions": list(item.file.labels or ()),
        "cautions": cautions,
    }
