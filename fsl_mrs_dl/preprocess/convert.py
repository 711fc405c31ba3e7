# SPDX-License-Identifier: Apache-2.0
"""A scan from the scanner's own file to NIfTI-MRS that says which condition is ON and which OFF."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from fsl_mrs_dl.core.errors import ConfigError, DataError, FslMrsDlError
from fsl_mrs_dl.core.files import check_inputs_kept
from fsl_mrs_dl.io import vendor
from fsl_mrs_dl.io.edit_dimension import MrsFile, join, label, load, save, split, with_absolute_offsets
from fsl_mrs_dl.io.edit_header import labels_for
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.io.nifti_header import invalid_header
from fsl_mrs_dl.preprocess.coils import combine_coils
from fsl_mrs_dl.preprocess.conditions import assign_conditions

ORDERS = {"on-off": ("ON", "OFF"), "off-on": ("OFF", "ON"), "auto": None}
"""What can be said of the order; ``auto`` tells it from NAA at 2.01 ppm."""

OFFSET_RANGE_PPM = (-10.0, 20.0)
"""Where an editing pulse may stand: wider than any protocol, and narrow enough to notice hertz."""

_BESIDE = ("_ref", "_wref", "_ecc", "_quant", "_diff")


@dataclass(frozen=True)
class Editing:
    """What the user knows of the editing.

    Parameters
    ----------
    order : str or None
        Member of `ORDERS`, for files whose header does not name the conditions.
    block : int or None
        Dynamics in a row of one condition; None: half of them.
    pulses : dict
        ``{"ON": {"PulseOffset": ppm, "PulseDuration": s}, "OFF": {...}}``, as far as it is known.
    """

    order: str | None = None
    block: int | None = 1
    pulses: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.order is not None and self.order not in ORDERS:
            raise ConfigError("unknown order", expected=", ".join(ORDERS), got=self.order)
        if self.block is not None and self.block < 1:
            raise ConfigError("block= is out of range", expected="1 or more, or half", got=self.block)
        for name, pulse in self.pulses.items():
            if not OFFSET_RANGE_PPM[0] <= pulse.get("PulseOffset", 0.0) <= OFFSET_RANGE_PPM[1]:
                raise ConfigError(
                    f"the chemical shift of the {name} pulse is impossible",
                    expected=f"{OFFSET_RANGE_PPM[0]:g} to {OFFSET_RANGE_PPM[1]:g} ppm",
                    got=f"{pulse['PulseOffset']:g}",
                )
            if not 1e-3 <= pulse.get("PulseDuration", 0.014) <= 0.05:
                raise ConfigError(
                    f"the duration of the {name} pulse is impossible",
                    expected="0.001 to 0.05 s",
                    got=f"{pulse['PulseDuration']:g}",
                )


@dataclass(frozen=True)
class Converted:
    """A file that was written.

    Parameters
    ----------
    path : Path
    file : MrsFile
        What it holds.
    notes : tuple of str
        What the user should know of it.
    """

    path: Path
    file: MrsFile
    notes: tuple[str, ...] = ()


def convert_scan(
    paths: Sequence[Path],
    output: Path,
    editing: Editing,
    *,
    on: Path | None = None,
    off: Path | None = None,
    form: str | None = None,
    evalinfo: str = "image",
    anonymise: bool = False,
    more: Sequence[str] = (),
    overwrite: bool = False,
    sidecar: bool = False,
) -> list[Converted]:
    """Convert a scan and write it, with what else spec2nii finds in its file (water references), whole or not at all.

    Parameters
    ----------
    paths : sequence of Path
        The scan; empty where `on` and `off` give its conditions as two scans.
    output : Path
        ``NAME.nii.gz``; water references become ``NAME_ref.nii.gz`` and the like.
    editing : Editing
    on, off : Path, optional
    form, evalinfo, anonymise, more
        As `fsl_mrs_dl.io.vendor.convert`.
    overwrite : bool
        Replace files of these names.
    sidecar : bool
        Whether the caller writes ``NAME.json`` beside each file, which then stands under the same rule.

    Raises
    ------
    ConfigError, DataError, MissingExtraError
        One line on what is wrong; nothing is written.
    """
    _check_arguments(paths, output, on, off)
    inputs = [*paths, on, off]
    for target in (output, sidecar_path(output)) if sidecar else (output,):
        check_inputs_kept(target, inputs)
    stem = output.name.removesuffix(".nii.gz")
    sources = {"scan": list(paths)} if paths else {"on": [on], "off": [off]}
    read = partial(vendor.convert, stem=stem, form=form, evalinfo=evalinfo, anonymise=anonymise, more=more)
    with tempfile.TemporaryDirectory(prefix="fsl_mrs_dl_") as scratch:
        with _naming(sources, Path(scratch)):
            made = _made(sources, Path(scratch), stem, editing, read)
        main = _main(made, stem)
        placed = [(output if item is main else output.parent / item.path.name, item) for item in made]
        for target in [name for path, _ in placed for name in (path, *([sidecar_path(path)] if sidecar else []))]:
            check_inputs_kept(target, inputs)
            if target.exists() and not overwrite:
                raise DataError("the file exists", where=target, hint="Say overwrite=True to replace it")
        placed.sort(key=lambda pair: pair[1] is main)  # the scan itself last: it stands for all of them
        done = []
        for target, item in placed:
            _save(item.file, target, inputs)
            done.append(replace(item, path=target, notes=(*item.notes, *_unreadable(target, item.file))))
    return done


def _made(
    sources: Mapping[str, Sequence[Path | None]],
    scratch: Path,
    stem: str,
    editing: Editing,
    read: Callable[[list[Path], Path], list[Path]],
) -> list[Converted]:
    """What is found in the scan, or in its two conditions, with its editing said; nothing is written yet."""
    found = []
    for name, source in sources.items():
        folder = scratch / name
        folder.mkdir()
        found.append([load(path) for path in read([path for path in source if path is not None], folder)])
    given = len(found) == 2
    files = [_joined(found[0], found[1])] if given else found[0]
    plain = any(file.path.name == f"{stem}.nii.gz" for file in files)
    return [
        Converted(file.path, file)
        if _is_beside(file, stem, plain)
        else _edited(file, editing, given=given, scratch=scratch)
        for file in files
    ]


def _save(file: MrsFile, target: Path, inputs: Sequence[Path | None]) -> None:
    """Write a file; a header that is not valid NIfTI-MRS, as a file to be repaired may have, is one line."""
    try:
        save(file, target)
    except (FslMrsDlError, OSError):
        raise
    except Exception as error:  # nifti_mrs raises a dozen kinds, each about the header
        raise invalid_header(error, next(path for path in inputs if path is not None)) from error


def _check_arguments(paths: Sequence[Path], output: Path, on: Path | None, off: Path | None) -> None:
    if not output.name.endswith(".nii.gz"):
        raise ConfigError("output= is not the name of a NIfTI-MRS file", expected="NAME.nii.gz", got=output)
    if not output.parent.is_dir():
        raise DataError("the folder does not exist", where=output.parent, hint="Create it first")
    if bool(paths) == (on is not None or off is not None) or (on is None) != (off is None):
        raise ConfigError("no scan was named, or two were", expected="one scan, or on= and off=")
    if on is not None and off is not None and on.exists() and off.exists() and on.samefile(off):
        raise ConfigError("on= and off= are one file", where=on, expected="two files, one of each condition")


@contextmanager
def _naming(sources: Mapping[str, Sequence[Path | None]], scratch: Path) -> Iterator[None]:
    """Errors about a file on the way name the user's own, from which it was made."""
    try:
        yield
    except FslMrsDlError as error:
        where = Path(str(error.where))
        if scratch not in where.parents:
            raise
        folder = where.relative_to(scratch).parts[0]
        given = sources.get(folder) or next(iter(sources.values()))
        raise type(error)(
            error.what, where=given[0], expected=error.expected, got=error.got, hint=error.hint
        ) from error


def sidecar_path(image: Path) -> Path:
    """The JSON that belongs to an image."""
    return image.with_name(image.name.removesuffix(".nii.gz") + ".json")


def order_of(path: Path) -> tuple[str, str]:
    """ON and OFF in the order of a file with two conditions, told from NAA.

    Raises
    ------
    DataError
        When NAA is not seen, or the same in both.
    """
    data = read_acquisition(path)
    fids = combine_coils(data.fids)[0] if data.fids.shape[1] > 1 else data.fids
    order, flags = assign_conditions(fids[:, 0].mean(axis=1), data.dwell_s, data.f0_mhz)
    unedited = next((flag for flag in flags if flag.code == "not_edited"), None)
    if unedited is not None:
        raise DataError(
            "unedited data: both conditions show the same spectrum",
            where=path,
            expected="NAA absent in ON (GABA editing)",
            got=unedited.detail,
        )
    if any(flag.code == "order_assumed" for flag in flags):
        raise DataError(
            "ON and OFF cannot be told apart by NAA at 2.01 ppm",
            where=path,
            hint="Say order='on-off' or order='off-on'",
        )
    return ("ON", "OFF") if order == ("edit_on", "edit_off") else ("OFF", "ON")


def _joined(on: Sequence[MrsFile], off: Sequence[MrsFile]) -> MrsFile:
    """OFF and ON of two conversions of one file each (FSL-MRS subtracts the first from the second)."""
    for files in (on, off):
        if len(files) != 1:
            raise DataError(
                "one condition is one spectrum", where=files[0].path, expected="1 file of spec2nii", got=len(files)
            )
    for name, file in (("ON", on[0]), ("OFF", off[0])):
        says = set(file.labels or labels_for(file.header, None, 1) or ())
        if says <= {"ON", "OFF"} and name not in says and says:
            raise ConfigError(
                f"{name.lower()}= is a file whose header says EditCondition {', '.join(says)}",
                where=file.path,
                expected=name,
                hint="Exchange on= and off=",
            )
    return join(off[0], on[0])


def _is_beside(file: MrsFile, stem: str, plain: bool) -> bool:
    """Whether a file of spec2nii is a reference and the like, beside the scan; `plain`: the scan has no suffix."""
    suffix = file.path.name.removeprefix(stem).removesuffix(".nii.gz")
    return file.is_reference or suffix.startswith(_BESIDE) or (plain and suffix != "")


def _edited(file: MrsFile, editing: Editing, *, given: bool, scratch: Path) -> Converted:
    """A scan with its editing said, and notes on what is not known."""
    if given:
        return Converted(file.path, label(file, ("OFF", "ON"), editing.pulses))
    file = _with_named_editing(with_absolute_offsets(file))
    if editing.order is not None:
        before = file.labels
        file = split(file, editing.block)
        labels = ORDERS[editing.order]
        if labels is None:
            unlabelled = scratch / file.path.name
            save(_unlabelled(file), unlabelled)
            labels = order_of(unlabelled)
        notes = (f"EditCondition was {', '.join(before)}",) if before and tuple(before) != labels else ()
        return Converted(file.path, label(file, labels, editing.pulses), notes)
    if file.labels is not None and set(file.labels) == {"ON", "OFF"}:
        return Converted(file.path, label(file, file.labels, editing.pulses))
    if editing.pulses:
        raise ConfigError(
            "editing pulses are given, but which condition is ON is not known", where=file.path, hint="Say order="
        )
    if "DIM_EDIT" in file.tags:
        length = file.data.shape[4 + file.tags.index("DIM_EDIT")]
        note = "which condition is ON is not in the file: say order=" if length == 2 else f"{length} conditions"
        return Converted(file.path, file, (note,))
    unnamed = _pairs_without_name(file)
    if unnamed:
        return Converted(file.path, file, (f"if ON and OFF are in {file.tags[unnamed[0]]}, say order=",))
    if "DIM_DYN" in file.tags:
        length = file.data.shape[4 + file.tags.index("DIM_DYN")]
        return Converted(file.path, file, (f"if ON and OFF are among the {length} dynamics, say order=",))
    return Converted(file.path, file)


def _pairs_without_name(file: MrsFile) -> list[int]:
    """Dimensions of length two for which a converter had no name."""
    lengths = file.data.shape[4:]
    return [k for k, tag in enumerate(file.tags) if tag.startswith("DIM_USER") and lengths[k] == 2]


def _with_named_editing(file: MrsFile) -> MrsFile:
    """DIM_USER_n as DIM_EDIT, where the header of that dimension names two editing conditions."""
    for k in _pairs_without_name(file):
        entries = file.header.get(f"dim_{k + 5}_header")
        if "DIM_EDIT" not in file.tags and isinstance(entries, Mapping) and "EditCondition" in entries:
            return replace(file, header={**file.header, f"dim_{k + 5}": "DIM_EDIT"})
    return file


def _unlabelled(file: MrsFile) -> MrsFile:
    key = f"dim_{file.tags.index('DIM_EDIT') + 5}_header"
    return replace(file, header={name: value for name, value in file.header.items() if name not in (key, "EditPulse")})


def _main(made: Sequence[Converted], stem: str) -> Converted | None:
    """The scan itself: the file with both conditions, else the one without a suffix."""
    edited = [item for item in made if "DIM_EDIT" in item.file.tags and not item.file.is_reference]
    plain = [item for item in made if item.path.name == f"{stem}.nii.gz"]
    return next(iter([*edited, *plain, *(made if len(made) == 1 else [])]), None)


def _unreadable(path: Path, file: MrsFile) -> tuple[str, ...]:
    """Why `fit` would not take the file."""
    if file.is_reference:
        return ()
    try:
        read_acquisition(path)
    except DataError as error:
        return (f"fit does not take it: {error.what}",)
    return ()


def edit_pulses_of(values: dict[str, tuple[float | None, float | None]]) -> dict[str, dict[str, float]]:
    """Pulses as NIfTI-MRS wants them from ``{"ON": (ppm, s), "OFF": (ppm, s)}``, without what is None."""
    keys = ("PulseOffset", "PulseDuration")
    return {
        name: {key: float(value) for key, value in zip(keys, pair, strict=True) if value is not None}
        for name, pair in values.items()
        if any(value is not None for value in pair)
    }
