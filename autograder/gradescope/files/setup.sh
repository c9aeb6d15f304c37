#!/bin/bash
# Run by Gradescope once, as root and with a network, while it builds the image of this autograder. Fails loudly: an
# image that could not grade is not to be built.
set -euo pipefail
shopt -s inherit_errexit
umask 022

ours=/opt/autograder
python=$ours/venv/bin/python

# The hidden tests and marks are nobody's but root's.
chmod -R u=rwX,go= /autograder/source
chmod 700 /autograder

find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        # Newer ones have no TensorFlow yet, and some lack what makes environments.
        if "$name" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

install_python() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends ca-certificates python3 python3-venv >&2
    find_python && return
    # Ubuntu 22.04 has Python 3.10. uv knows the hashes of the Pythons that it brings.
    python3 -m venv "$ours/uv" >&2
    "$ours/uv/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes \
        --requirement /autograder/source/uv.txt >&2
    UV_PYTHON_INSTALL_DIR=$ours/python "$ours/uv/bin/uv" python install --quiet --no-bin 3.11 >&2
    UV_PYTHON_INSTALL_DIR=$ours/python "$ours/uv/bin/uv" python find --managed-python 3.11
}

mkdir -p "$ours"
if [ ! -x "$python" ]; then
    found=$(find_python || install_python)
    "$found" -m venv "$ours/venv"
    # The lock is complete: an older pip, asked to look for more, takes extras for packages without a hash.
    "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes \
        --requirement /autograder/source/requirements.lock
fi

cd /
PYTHONPATH=/autograder/source PYTHONDONTWRITEBYTECODE=1 TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES='' \
    "$python" -P -m autograder.gradescope prepare
