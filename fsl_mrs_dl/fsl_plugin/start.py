# SPDX-License-Identifier: Apache-2.0
"""What runs at the start of every Python of the environment: it waits for FSL-MRS, and touches `sys` only.

``fsl_mrs_dl.pth`` (Python 3.15 and later: ``fsl_mrs_dl.start``, PEP 829) imports a copy of this module that is
installed beside it. All else is imported when FSL-MRS imports its module of fits, the network only when ``dl`` is
asked for.
"""

import sys

TARGET = "fsl_mrs.utils.fitting"


class Waiter:
    """Finder of modules that answers for `TARGET` alone, once: it lets that module run and then adds ``dl`` to it."""

    def __init__(self):
        self.busy = False

    def find_spec(self, name, path=None, target=None):
        """The spec that the other finders have for `TARGET`, with a loader that calls `attach` when it is done."""
        if name != TARGET or self.busy:
            return None
        self.busy = True
        try:
            for finder in list(sys.meta_path):
                find = getattr(finder, "find_spec", None)
                spec = find(name, path, target) if find is not None and finder is not self else None
                if spec is not None:
                    self._wrap(spec.loader)
                    return spec
        except Exception as error:
            _say(error)
        finally:
            self.busy = False
        return None

    def _wrap(self, loader):
        run = loader.exec_module

        def exec_module(module):
            run(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            attach(module)

        loader.exec_module = exec_module


def attach(module):
    """Add ``dl`` to FSL-MRS's module of fits; an error is one line, and FSL-MRS goes on without it."""
    import os

    if os.environ.get("FSL_MRS_DL_DISABLE", "") not in ("", "0"):
        return
    try:
        from fsl_mrs_dl.fsl_plugin.hook import install

        install(module)
    except Exception as error:
        _say(error)


def _say(error):
    sys.stderr.write(
        "fsl_mrs_dl: --algo dl could not be added to FSL-MRS (" + type(error).__name__ + ": " + str(error) + ")."
        " Run: fsl_mrs_dl doctor\n"
    )  # fmt: skip


def register():
    """Wait for FSL-MRS, or add ``dl`` to it where it has been imported; a second call does nothing."""
    module = sys.modules.get(TARGET)
    if module is not None:
        attach(module)
    elif not any(type(finder).__name__ == "Waiter" for finder in sys.meta_path):
        sys.meta_path.insert(0, Waiter())
