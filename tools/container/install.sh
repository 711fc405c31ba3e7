#!/bin/sh
# Install fsl_mrs_dl for an image: install.sh SOURCE PREFIX [PYTHON]
#
# What Dockerfile and Apptainer.def run, and what .ci/container runs without either. SOURCE is a checkout and may be
# read-only; PREFIX becomes a virtual environment, readable by any user whatever the umask. Nothing is left elsewhere: no
# caches, no build folder in SOURCE, no files in HOME, which need not exist.
set -eu
[ $# -ge 2 ] || { echo "usage: install.sh SOURCE PREFIX [PYTHON]" >&2; exit 2; }
source=$1 prefix=$2 python=${3:-python3}
[ -f "$source/setup.cfg" ] || { echo "install.sh: $source is no checkout of fsl_mrs_dl: it has no setup.cfg" >&2; exit 2; }
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
export HOME="$work/home" PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
mkdir "$work/home"

# the build writes beside what it builds from, so it gets a copy of what belongs into a wheel
mkdir "$work/source"
for name in fsl_mrs_dl basis weights setup.py setup.cfg pyproject.toml MANIFEST.in README.md LICENSE \
    constraints.txt CHANGELOG.md CITATION.cff CONTRIBUTING.md; do
    cp -R "$source/$name" "$work/source/$name"
done
chmod -R u+rwX,go+rX "$work/source"

"$python" -m venv "$prefix"
"$prefix/bin/pip" install --quiet --no-compile --constraint "$source/constraints.txt" "$work/source[report,convert]"
# compiled once here, for the image is read-only when it runs; a package's own templates of code may not compile
"$prefix/bin/python" -m compileall -q -j 0 "$prefix/lib" >/dev/null 2>&1 || true
chmod -R go+rX "$prefix"
"$prefix/bin/fsl_mrs_dl" --version
