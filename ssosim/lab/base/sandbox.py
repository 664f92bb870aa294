"""What to do where the machine refuses a system call that a lab needs: one line, for the place that was found.

Sources: Docker "Seccomp security profiles for Docker" and "AppArmor security profiles for Docker" (the default profiles
refuse ``unshare`` and ``mount``), podman-run(1) on ``--security-opt``, Kubernetes "Configure a Security Context for a
Pod or Container", Ubuntu 24.04 release notes, "Unprivileged user namespace restrictions", user_namespaces(7).
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["explain_refusal"]

_DOCKER = (
    "docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined "
    "--security-opt apparmor=unconfined"
)
_PODMAN = "podman run --cap-add SYS_ADMIN,NET_ADMIN --security-opt unmask=ALL --security-opt label=disable"
_KUBERNETES = (
    "a securityContext with capabilities.add [SYS_ADMIN, NET_ADMIN], and seccompProfile and appArmorProfile of type "
    "Unconfined"
)
_GITLAB = "privileged = true in [runners.docker] of the runner's config.toml"
_MARKS = ((Path("/run/.containerenv"), _PODMAN), (Path("/.dockerenv"), _DOCKER))
"""Files that mark a container, and the command with the options that help."""

_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_DEBIAN = Path("/proc/sys/kernel/unprivileged_userns_clone")


def explain_refusal(number: int, call: str) -> str:
    """Return why a lab cannot start here, and the option that helps: one line.

    ``number``: the error number of ``call``, a text such as ``mount /``; 0 where the process was killed.
    """
    text = os.strerror(number) if number > 0 else "killed"
    return f"this machine does not permit a private network ({call}: {text}): {_find_remedy(number)}"


def _find_remedy(number: int) -> str:  # noqa: PLR0911 - one return for each place
    if number == errno.EINVAL:  # mount(2): the root of a chroot is no mount point
        return "/ is no mount point, as in a chroot: mount it over itself before (mount --bind DIR DIR; chroot DIR)"
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return f"in this pod a lab needs {_KUBERNETES}"
    if os.environ.get("GITLAB_CI") and _is_container():
        return f"in this job a lab needs {_GITLAB}"
    for mark, command in _MARKS:
        if mark.exists():
            return f"start this container with: {command}"
    if _is_set(_APPARMOR, "1"):
        return (
            "AppArmor restricts user namespaces; allow them: "
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run as root"
        )
    if _is_set(_DEBIAN, "0"):
        return "allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1, or run as root"
    if number in (errno.ENOSPC, errno.EUSERS):
        return "allow user namespaces: sudo sysctl -w user.max_user_namespaces=10000, or run as root"
    if _is_container():
        return f"start this container with more rights (docs/containers.md), for Docker: {_DOCKER}"
    return "allow unprivileged user namespaces and mounts, or run as root"


def _is_container() -> bool:
    """Return whether this is a container: such programs tell their processes so (systemd's container interface)."""
    runtime = os.environ.get("container")  # noqa: SIM112 - it is written in small letters
    return bool(runtime) or any(mark.exists() for mark, _ in _MARKS)


def _is_set(setting: Path, value: str) -> bool:
    try:
        return setting.read_text(encoding="ascii").strip() == value
    except OSError:
        return False
