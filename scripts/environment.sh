# Sets up .venv for the scripts beside it: source this, then call set_up with the name of an extra, or "".
# shellcheck shell=bash

root=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

set_up() {
  local extra=$1
  # The lock on the folder makes a second script wait for the first: both would write to the same place.
  (
    flock --nonblock 9 || { say "Waiting for another set-up of .venv to end." && flock 9; }
    venv_works || make_venv
    is_installed "$extra" || install "$extra"
  ) 9<"$root"
  # What is imported is compiled once, also where a machine's settings keep nothing of it beside the sources.
  unset PYTHONDONTWRITEBYTECODE
  export PATH="$venv/bin:$PATH" PYTHONPYCACHEPREFIX=$venv/pycache
}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

refuse() {
  say "$*"
  exit 2
}

# The commands that pip writes hold the folder's path, so a .venv that was moved or copied is of no use.
venv_works() {
  [[ $(activated_path) -ef $venv ]] &&
    "$venv/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

activated_path() (
  set +u
  # shellcheck disable=SC1091 # written by venv
  source "$venv/bin/activate" 2>/dev/null && printf '%s' "$VIRTUAL_ENV"
)

make_venv() {
  local able version python
  read -r able version python <<<"$(best_python)"
  ((able)) || refuse "$(remedy "${version:-none}" "$python")"
  [[ ! -e $venv ]] || say "Rebuilding .venv: it is incomplete, was moved, or its Python is gone."
  say "Making .venv with Python $version ($python)."
  "$python" -m venv --clear "$venv"
}

# Prints "able version path" of the newest Python on the PATH; able is 1 when it can make a .venv for seedbed.
best_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    "$name" - 2>/dev/null <<'PYTHON' || true
import sys
try:
    import ensurepip, venv  # Debian has them in a package of their own
    able = sys.version_info >= (3, 11)
except ImportError:
    able = False
print(int(able), "{}.{}".format(*sys.version_info), sys.executable)
PYTHON
  done | LC_ALL=C sort --key=1,1n --key=2,2V | tail --lines=1
}

# The paragraph for a machine whose best Python will not do: its version ("none" where it has none) and path.
remedy() {
  local version=$1 python=$2 lack package
  case $version in
    none) lack="no Python is on the PATH" package=python3-venv ;;
    2.* | 3.[0-9] | 3.10) lack="the newest on the PATH is $version ($python)" package=python3.11-venv ;;
    *) lack="Python $version ($python) lacks its modules venv and ensurepip" package=python$version-venv ;;
  esac
  local sudo=
  ((EUID == 0)) || sudo="sudo "
  printf '%s' "seedbed needs Python 3.11 or newer with venv and ensurepip, but $lack. " \
    "On Debian and Ubuntu this mends it: ${sudo}apt-get update && ${sudo}apt-get install --yes $package"
}

# An extra includes the plain package: after "dev", "" is installed too.
is_installed() { [[ -f $(stamp "$1") && $(<"$(stamp "$1")") == "$(recipe)" ]]; }

stamp() { printf '%s' "$venv/.installed${1:+-$1}"; }

# A digest of what decides whether pip has work.
recipe() { { "$venv/bin/python" --version && cat "$root/pyproject.toml" "$root/constraints.txt"; } | sha256sum; }

install() {
  local extra=$1 name
  say "Installing seedbed${extra:+[$extra]} and what it needs; the first time this may take minutes."
  [[ $(uname) != Linux ]] || has_torch ||
    say "The index's PyTorch brings several GB of CUDA; a CPU wheel that PIP_FIND_LINKS names goes first."
  rm -f "$venv"/.installed*
  # Older ones, such as Python 3.11 brings, take twice as long to resolve. Where there is no newer, they do.
  pip_install 'pip>=25' || true
  pip_install --constraint "$root/constraints.txt" --editable "$root${extra:+[$extra]}" || {
    local status=$?
    say "pip failed, as said above; the next call goes on from there." \
      "Where a version is not to be had, make constraints.txt anew: its first lines say how."
    exit "$status"
  }
  # Written last: what was interrupted is completed by the next call.
  for name in "" "$extra"; do recipe >"$(stamp "$name")"; done
}

# pip would compile every module, on one core, which takes longer than all else; at their first import, few are compiled.
pip_install() { "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --no-compile "$@"; }

has_torch() { compgen -G "$venv/lib/python*/site-packages/torch" >/dev/null; }
