#!/bin/sh
# What has to be on the machine before Python packages can be installed: Python 3.11 with venv,
# and a C++ compiler with Python's headers for torch.compile. Installed with apt where that is
# possible; otherwise one line says what is missing.
set -eu
python=${1:-python3}

missing=""
command -v "$python" >/dev/null || missing="$missing python3"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
command -v g++ >/dev/null || missing="$missing g++"
"$python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' \
    2>/dev/null || missing="$missing python3-dev"

if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        # shellcheck disable=SC2086  # a list of packages
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing
    else
        echo "missing system packages; install them first: sudo apt-get install$missing" >&2
        exit 2
    fi
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Cartograd needs Python 3.11 or newer, $python is older; try: make PYTHON=python3.11" >&2
    exit 2
}
