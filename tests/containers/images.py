"""Images, built without a registry."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from deployments.local.stack import ROOT

#: What is needed, and how it is had.
TOOLS = ("podman", "buildah", "runc", "mmdebstrap", "ip")
HOW = "as root on Debian: apt-get install podman buildah runc mmdebstrap iproute2"

DOCKERFILE = ROOT / "deployments" / "Dockerfile"
BASE = "docker.io/library/" + DOCKERFILE.read_text().partition("ARG PYTHON=")[2].split()[0]
IMAGE = "localhost/soulprint-full-pass:tested"
POSTGRES, REDIS = "localhost/soulprint-postgres:stand-in", "localhost/soulprint-redis:stand-in"

_HERE = Path(__file__).resolve().parent
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
#: Of this machine's way to its package index: what means the same within a container.
_OF_PIP = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")


def missing() -> str | None:
    """Why images cannot be built here, if so."""
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    if tools:
        return f"{', '.join(tools)} not found; {HOW}"
    return None if os.geteuid() == 0 else f"not root; {HOW}"


def build() -> None:
    """Builds all of them; layers that have not changed are there already."""
    if subprocess.run(["buildah", "inspect", BASE], capture_output=True, check=False).returncode != 0:
        _make_base()
    with tempfile.TemporaryDirectory() as folder:
        pip = Path(folder, "pip.conf")
        pip.write_text(_pip_settings())
        ignored = ROOT / "deployments" / "Dockerfile.dockerignore"
        given = ("--ignorefile", str(ignored), "--secret", f"id=pip,src={pip}")
        _build(IMAGE, DOCKERFILE, ROOT, *given)
    for image, target in ((POSTGRES, "postgres"), (REDIS, "redis")):
        _build(image, _HERE / "stand_ins.Dockerfile", _HERE, "--target", target, "--build-arg", f"BASE={BASE}")


def _make_base() -> None:
    """A Debian with Python, and with the authorities that this machine trusts."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "files.tar")
        _run(
            *("mmdebstrap", "--quiet", "--variant=minbase", "--include=python3,python3-venv,ca-certificates"),
            *("bookworm", str(files)),
        )
        shutil.copy(_AUTHORITIES, folder)
        containerfile = Path(folder, "Containerfile")
        containerfile.write_text(f"FROM scratch\nADD files.tar /\nCOPY {_AUTHORITIES.name} {_AUTHORITIES}\n")
        _build(BASE, containerfile, Path(folder))


def _pip_settings() -> str:
    """This machine's, for the build alone: no image and no file of the repository names an index."""
    listed = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    known = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        known[name.rpartition(".")[2]] = value.strip("'")
    kept = {name: known[name] for name in _OF_PIP if name in known and "file://" not in known[name]}
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in {**kept, "cert": _AUTHORITIES}.items())


def _build(image: str, containerfile: Path, context: Path, *options: str) -> None:
    # Docker's format, because the other one has no health checks.
    _run(
        *("buildah", "bud", "--isolation", "chroot", "--pull-never", "--layers", "--format", "docker"),
        *("--tag", image, "--file", str(containerfile), *options, str(context)),
    )


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-4_000:]}"
