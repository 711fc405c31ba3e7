# SPDX-License-Identifier: Apache-2.0
"""The import hook that waits, in every Python of the environment, for FSL-MRS to import its fitting module.

The line in ``fsl_mrs_dl.pth`` puts a finder of modules into `sys.meta_path` that answers for that one module only, with
`find` of a copy of this module that is installed beside it: to import even a small module at the start of every Python
would cost 2 ms. From Python 3.15 on it is ``fsl_mrs_dl.start`` (PEP 829), which calls `register`. The package is
imported when FSL-MRS imports its fits, the network only when ``dl`` is asked for.
"""

import sys

TARGET = "fsl_mrs.utils.fitting"


class FslMrsDlWaiter:
    """Finder of modules that answers for `TARGET` alone; the one of the ``.pth`` has the same name."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """See `find`."""
        return find(name, path, target)


def waiters():
    """Those in `sys.meta_path`."""
    return [finder for finder in sys.meta_path if getattr(finder, "__name__", "") == FslMrsDlWaiter.__name__]


def find(name, path=None, target=None):
    """The spec that the other finders have for `TARGET`, with a loader that calls `attach` when it is done."""
    if name != TARGET:
        return None
    finders = list(sys.meta_path)
    own = waiters()
    # another finder may ask for the module in its turn: it must not come back here
    sys.meta_path[:] = [finder for finder in finders if finder not in own]
    try:
        for finder in list(sys.meta_path):
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                _wrap(spec.loader)
                return spec
    except Exception as error:
        _say(error)
    finally:
        sys.meta_path[:] = finders
    return None


def _wrap(loader):
    run = loader.exec_module

    def exec_module(module):
        run(module)
        for waiter in waiters():
            sys.meta_path.remove(waiter)
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
    )


def register():
    """Wait for FSL-MRS, or add ``dl`` to it where it has been imported; a second call does nothing."""
    module = sys.modules.get(TARGET)
    if module is not None:
        attach(module)
    elif not waiters():
        sys.meta_path.insert(0, FslMrsDlWaiter)
