# SPDX-License-Identifier: Apache-2.0
"""No module, no function grows beyond what can be read in one go."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "fsl_mrs_dl").rglob("*.py"))

MAX_COMPLEXITY = 15
"""Cognitive complexity of a function, as complexipy counts it (Campbell 2018, SonarSource white paper)."""
MAX_FUNCTION_LINES = 60
"""With signature and docstring."""
MAX_MODULE_LINES = 400


def too_long():
    """Modules and functions that are over a limit of lines."""
    found = set()
    for path in MODULES:
        name, text = path.relative_to(ROOT / "fsl_mrs_dl").as_posix(), path.read_text(encoding="utf-8")
        if len(text.splitlines()) > MAX_MODULE_LINES:
            found.add(name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES:
                found.add(f"{name} {node.name}")
    return found


def too_complex():
    """Functions that are over the limit of complexity."""
    complexipy = pytest.importorskip("complexipy", reason="complexipy is not installed: pip install '.[dev]'")
    return {
        f"{path.relative_to(ROOT / 'fsl_mrs_dl').as_posix()} {function.name.split('::')[-1]}"
        for path in MODULES
        for function in complexipy.file_complexity(str(path), no_ignore=True, with_plans=False).functions
        if function.complexity > MAX_COMPLEXITY
    }


def test_functions_and_modules_are_short_and_simple():
    assert not too_long() | too_complex()


def imported(path):
    """Modules that a test file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_test_imports_from_another():
    tests = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        taken = [module for module in imported(path) if tests & set(module.split("."))]
        assert not taken, f"{path.relative_to(ROOT)} imports {taken[0]}: what tests share belongs in tests/*helpers.py"
