# SPDX-License-Identifier: Apache-2.0
"""Flags: remarks on data and results, as a code for programs and a sentence for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.core.flag_catalogue import CATALOGUE, Severity


@dataclass(frozen=True)
class Flag:
    """One thing noticed.

    Parameters
    ----------
    code : str
        A key of `fsl_mrs_dl.core.flag_catalogue.CATALOGUE`.
    detail : str
        Figures of this case, e.g. ``"13.8 Hz"``; may be empty.

    Raises
    ------
    ConfigError
        When the code is not in the catalogue.
    """

    code: str
    detail: str = ""

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise ConfigError(f"unknown flag '{self.code}'{nearest(self.code, CATALOGUE)}")

    @property
    def severity(self) -> Severity:
        """'info', 'caution' or 'refused'."""
        return CATALOGUE[self.code].severity

    @property
    def sentence(self) -> str:
        """The explanation with the figures of this case."""
        text = CATALOGUE[self.code].sentence
        return f"{text} ({self.detail})" if self.detail else text

    def to_dict(self) -> dict[str, str]:
        """Code, severity, detail and sentence, for JSON."""
        return {**asdict(self), "severity": self.severity, "sentence": self.sentence}

    def explained(self) -> dict[str, str]:
        """The same with ``meaning``, for reports."""
        return {**self.to_dict(), "meaning": CATALOGUE[self.code].meaning}
