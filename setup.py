# SPDX-License-Identifier: Apache-2.0
"""The one thing that setup.cfg has no words for: three files beside the package in site-packages.

``fsl_mrs_dl.pth`` (and ``fsl_mrs_dl.start`` for Python 3.15 and later, PEP 829) must lie at the top of site-packages;
``data_files`` would put them elsewhere. The third is a copy of `fsl_mrs_dl.fsl_plugin.start`, which is imported when
FSL-MRS imports its fits (by ``.start`` at once), and needs no package around it. A wheel gets them from the build
folder, an editable installation from the folder that becomes its wheel.
"""

import shutil
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.build import build

PLUGIN = Path("fsl_mrs_dl") / "fsl_plugin"
FILES = {
    "fsl_mrs_dl.pth": PLUGIN / "site" / "fsl_mrs_dl.pth",
    "fsl_mrs_dl.start": PLUGIN / "site" / "fsl_mrs_dl.start",
    "_fsl_mrs_dl_start.py": PLUGIN / "start.py",
}


class BuildHook(Command):
    """Sub-command of ``build`` that copies `FILES`."""

    description = "copy the files that add --algo dl to FSL-MRS"
    user_options = []  # noqa: RUF012 - setuptools wants a list here

    def initialize_options(self):
        """Set by setuptools."""
        self.build_lib = None
        self.editable_mode = False

    def finalize_options(self):
        """Take the build folder of build_py."""
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def run(self):
        """Copy."""
        target = Path(self.get_finalized_command("install").install_lib if self.editable_mode else self.build_lib)
        target.mkdir(parents=True, exist_ok=True)
        for name, source in FILES.items():
            shutil.copyfile(source, target / name)

    def get_source_files(self):
        """For the source distribution."""
        return [str(source) for source in FILES.values()]

    def get_outputs(self):
        """What a wheel gets; an editable one takes its folder as it is."""
        return [] if self.editable_mode else [str(Path(self.build_lib) / name) for name in FILES]

    def get_output_mapping(self):
        """Nothing is linked."""
        return {}


build.sub_commands.append(("build_hook", None))

setup(cmdclass={"build_hook": BuildHook})
