# SPDX-License-Identifier: Apache-2.0
"""What the pages take from the program itself, so that they cannot be out of date; a hook of mkdocs.

A line ``<!-- NAME -->`` or ``<!-- NAME: ARGUMENT -->`` of a page, NAME being a key of `PARTS`, is replaced by Markdown.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import fsl_mrs_dl
from fsl_mrs_dl.cli.main import build_parser
from fsl_mrs_dl.core.flag_catalogue import CATALOGUE
from fsl_mrs_dl.core.resources import shipped_models, weights_folder
from fsl_mrs_dl.models.card import Card, Errors, Validation
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.reports.manifest import OUTPUTS
from fsl_mrs_dl.synthesise.groups import all_groups
from fsl_mrs_dl.synthesise.perturbations import registered

_DIRECTIVE = re.compile(r"^<!-- (?P<name>[a-z-]+)(?:: (?P<argument>\S+))? -->$", re.MULTILINE)


def commands() -> Mapping[str, argparse.ArgumentParser]:
    """The parser of each command, by its name."""
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    raise LookupError("the parser has no commands")


def purpose(command: str) -> str:
    """What a command is for."""
    return escape(commands()[command].description or "", quote=False)


def options(command: str) -> str:
    """The arguments of a command, a table for each group of them."""
    parts = []
    for group in commands()[command]._action_groups:
        rows = [
            (_names(action), _helped(action))
            for action in group._group_actions
            if not isinstance(action, argparse._HelpAction)
        ]
        if rows:
            title = {"positional arguments": "Arguments", "options": "Options"}.get(group.title or "", group.title)
            parts.append(f"## {title[:1].upper()}{title[1:]}\n\n{_table(('', 'what'), rows)}")
    return "\n\n".join(parts)


def _names(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else _value(action)
    names = [f"{option} {value}".strip() for option in action.option_strings] or [value]
    # the spelling with underscores is there for BIDS Apps' sake
    return ", ".join(f"`{name}`" for name in names if "_" not in name.split()[0] or len(names) == 1)


def _value(action: argparse.Action) -> str:
    metavar = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest)
    if isinstance(metavar, tuple):
        return " ".join(metavar)
    if not action.option_strings:
        return metavar
    metavar = metavar.upper() if action.metavar is None and not action.choices else metavar
    return (
        " ".join([metavar] * action.nargs)
        if isinstance(action.nargs, int)
        else metavar + (" ..." if action.nargs in ("+", "*") else "")
    )


def _helped(action: argparse.Action) -> str:
    text = escape((action.help or "").replace("%%", "%"), quote=False)
    return f"{text} (needed)" if action.required and action.option_strings else text


def fields(dotted: str) -> str:
    """The fields of a configuration: name, default, and what its docstring says; `dotted` is module and class."""
    module, _, name = dotted.rpartition(".")
    return _fields_of(getattr(importlib.import_module(module), name))


def _fields_of(config: type[Any]) -> str:
    said = _documented(inspect.getdoc(config) or "")
    rows = [
        (f"`{f.name}`", _default(f), escape(said.get(f.name) or _summary(f), quote=False))
        for f in dataclasses.fields(config)
    ]
    return _table(("field", "default", "what"), rows)


def _summary(field: dataclasses.Field[Any]) -> str:
    """What a part that is a configuration of its own says of itself first."""
    made = field.default_factory
    return (inspect.getdoc(made) or "").partition("\n")[0] if dataclasses.is_dataclass(made) else ""


def _documented(doc: str) -> dict[str, str]:
    """Text of each parameter of a numpydoc docstring; of a line that documents several, for each of them."""
    _, _, body = doc.partition("Parameters\n----------\n")
    said: dict[str, list[str]] = {}
    current: list[str] = []
    for line in body.splitlines():
        if line.startswith(" ") or not line.strip():
            for name in current:
                said[name].append(line.strip())
        else:
            current = [name.strip() for name in line.partition(" : ")[0].split(",")]
            said.update({name: [] for name in current})
    return {name: " ".join(filter(None, lines)) for name, lines in said.items()}


def api(name: str) -> str:
    """An object of `fsl_mrs_dl`, from its docstring: a function with its parameters, a class with what it offers."""
    thing = getattr(fsl_mrs_dl, name)
    summary, sections = _numpydoc(inspect.getdoc(thing) or "")
    call = f"fsl_mrs_dl.{name}" if inspect.isclass(thing) else f"fsl_mrs_dl.{name}{_signature(thing)}"
    parts = [f"### `{name}`", f"```python\n{call}\n```", escape(summary, quote=False)]
    if inspect.isclass(thing):
        return "\n\n".join([*parts, _table(("attribute", "what"), _members(thing))])
    if "Parameters" in sections:
        rows = [
            (f"`{head.partition(' : ')[0]}`", head.partition(" : ")[2], escape(text, quote=False))
            for head, text in _entries(sections["Parameters"])
        ]
        parts.append(_table(("parameter", "type", "what"), rows))
    for title in ("Returns", "Raises"):
        lines = [f"- `{head}`: {text}".removesuffix(": ") for head, text in _entries(sections.get(title, ""))]
        parts += [f"{title}:\n\n" + "\n".join(lines)] if lines else []
    return "\n\n".join(parts)


def _numpydoc(doc: str) -> tuple[str, dict[str, str]]:
    """What a docstring says before its sections, and the sections by their titles."""
    summary, *rest = re.split(r"^([A-Z][\w ]+)\n-{3,}\n", doc, flags=re.MULTILINE)
    return summary.strip(), dict(zip(rest[::2], rest[1::2], strict=True))


def _entries(section: str) -> list[tuple[str, str]]:
    """The entries of a section of numpydoc: the line that names one, and its text."""
    found: list[tuple[str, list[str]]] = []
    for line in filter(str.strip, section.splitlines()):
        if line.startswith(" ") and found:
            found[-1][1].append(line.strip())
        else:
            found.append((line.strip(), []))
    return [(head, " ".join(text)) for head, text in found]


def _signature(thing: Callable[..., Any]) -> str:
    """The arguments of a function with their defaults; what they may be stands in the table."""
    plain = inspect.signature(thing)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in plain.parameters.values() if p.name != "self"]
    return str(plain.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def _members(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """Public attributes and methods of a class, in the order of its source."""
    for name, member in vars(kind).items():
        said = _numpydoc(inspect.getdoc(member) or "")[0].partition("\n\n")[0].replace("\n", " ")
        if name.startswith("_") or not said:
            continue
        if inspect.isfunction(member):
            yield f"`{name}{_signature(member)}`", escape(said, quote=False)
        elif isinstance(member, property | functools.cached_property):
            yield f"`{name}`", escape(said, quote=False)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        made = dataclasses.MISSING if field.default_factory is dataclasses.MISSING else field.default_factory()
        if made is dataclasses.MISSING:
            return "(needed)"
        return (
            "(see below)"
            if dataclasses.is_dataclass(made) or (isinstance(made, dict) and len(made) > 2)
            else (f"`{made!r}`")
        )
    value = field.default
    if isinstance(value, tuple):
        return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value)
    return "(empty)" if value == "" else f"{value:g}" if isinstance(value, float) else str(value)


def perturbations() -> str:
    """One section for each perturbation of training spectra: what its file says, and its settings."""
    parts = []
    for section, kind in registered().items():
        said = escape(inspect.getdoc(importlib.import_module(kind.__module__)) or "", quote=False)
        off = ", ".join(f"`{group.name}`" for group in kind.groups)
        parts += [f"### `[recipe.{section}]`", said, f"Rungs of the ladder: {off}." if off else "On every rung."]
        parts.append(_fields_of(kind))
    return "\n\n".join(parts)


def rungs() -> str:
    """The rungs of the ladder, of everything that there is."""
    clean = (
        "nothing: one protocol, Lorentzian lines of 2 Hz, white noise up to 0.03 of the FID, 1.024 s, as in the paper"
    )
    rows = [("`clean`", clean), *((f"`{name}`", group.adds) for name, group in all_groups().items())]
    return _table(("rung", "what is added"), rows)


def flags(severity: str) -> str:
    """The flags of one severity, with what they mean for the numbers."""
    rows = [
        (f"`{code}`", escape(entry.sentence, quote=False), escape(entry.meaning, quote=False))
        for code, entry in CATALOGUE.items()
        if entry.severity == severity
    ]
    return _table(("flag", "what was seen", "what it means"), rows)


def outputs() -> str:
    """What `fit` writes."""
    rows = [(", ".join(f"`{name}`" for name in output.files), output.what) for output in OUTPUTS]
    return _table(("file", "what"), rows)


def model_cards() -> str:
    """One section for each model that lies in ``weights/``."""
    cards = [open_model(weights_folder() / name).card for name in shipped_models()]
    return "\n\n".join(_card(card) for card in cards)


def _card(card: Card) -> str:
    share = card.solution_fraction
    samples = {0.0: "brains", 1.0: "solutions"}.get(share, f"solutions ({share:.0%}) and brains")  # type: ignore[arg-type, str-format]
    network = ", ".join(f"{k} {v}" for k, v in card.architecture.items() if k != "name")
    name = card.architecture["name"]
    rows = [
        ("samples", samples),
        ("quantities", ", ".join(card.outputs)),
        ("conditions", ", ".join(f"`{mode}`" for mode in card.calibration)),
        ("network", f"{name} ({network})" if network else name),
        *_training(card),
        *((f"trained on, `{key}`", f"{low:.6g} to {high:.6g}") for key, (low, high) in card.ranges.items()),
        ("bank", f"SHA-256 `{card.bank_sha256}`"),
        *((f"`{file}`", f"SHA-256 `{digest}`") for file, digest in (card.members or card.files).items()),
        ("versions", ", ".join(f"{package} {version}" for package, version in card.versions.items())),
    ]
    parts = [f"### {card.name}", _table(("", ""), rows)]
    if card.known_limits:
        parts.append("Known limits:\n\n" + "\n".join(f"- {escape(text, quote=False)}" for text in card.known_limits))
    parts += [_validation(key, found) for key, found in card.validation.items()]
    return "\n\n".join(parts)


def _training(card: Card) -> Iterator[tuple[str, str]]:
    """What training took, and from which weights it started."""
    figures, n_protocols = card.training, card.config["recipe"]["bank"]["n_members"]
    yield (
        "training",
        f"{figures.spectra:,} spectra, {figures.minutes:g} min ({figures.machine}), seed {figures.seed}, "
        f"{n_protocols} protocols",
    )
    for number, stage in enumerate(card.lineage if len(card.lineage) > 1 else (), start=1):
        start = f", from weights `{stage.start_sha256[:12]}`" if stage.start_sha256 else ""
        yield (
            f"stage {number}",
            f"{stage.spectra:,} spectra, {stage.minutes:g} min, seed {stage.seed}, configuration "
            f"`{stage.config_sha256[:12]}`{start}",
        )
    if card.started_from and not card.lineage:
        yield "weights at the start", f"those of an earlier run, `{card.started_from}`, whose training comes on top"


def _validation(name: str, found: Validation) -> str:
    """Errors on one set of known concentrations, other methods beside the network."""
    rows = []
    for metabolite, errors in found.metabolites.items():
        others = [entries.get(metabolite, Errors()).mae for entries in found.against.values()]
        rows.append(
            (
                metabolite,
                _number(errors.mae),
                _number(errors.slope, 2),
                _number(errors.r2),
                *(_number(value and 100 * value, 0) for value in (errors.coverage68, errors.coverage95)),
                _number(errors.mae_constant),
                *(_number(value) for value in others),
            )
        )
    heads = ("metabolite", "MAE", "slope", "R²", "in 68 %", "in 95 %", "constant", *found.against)
    return f"`{name}`: {found.n} data sets, {found.refused} refused.\n\n{_table(heads, rows)}"


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(heads)]
    lines += [tuple("---" for _ in lines[0]), *(tuple(row) for row in rows)]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def _cell(text: str) -> str:
    # a bar inside code is no border for Python-Markdown, any other is
    return "".join(part if part.startswith("`") else part.replace("|", "\\|") for part in re.split(r"(`[^`]*`)", text))


PARTS: Mapping[str, Callable[..., str]] = {
    "api": api,
    "purpose": purpose,
    "options": options,
    "fields": fields,
    "flags": flags,
    "perturbations": perturbations,
    "rungs": rungs,
    "model-cards": model_cards,
    "outputs": outputs,
}
"""Name of a directive: what makes its text."""


def filled(markdown: str) -> str:
    """A page's text with its directives replaced.

    Raises
    ------
    KeyError
        For a directive that is none of `PARTS`.
    """
    return _DIRECTIVE.sub(
        lambda found: PARTS[found["name"]](*([found["argument"]] if found["argument"] else [])), markdown
    )


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for each page."""
    return filled(markdown)


def on_config(config: Any) -> Any:
    """Called by mkdocs once: a change of what the pages are made from is seen by ``mkdocs serve``."""
    config["watch"] = [*config["watch"], str(Path(__file__).parents[1] / "fsl_mrs_dl")]
    return config
