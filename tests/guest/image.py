"""The guest's kernel and initramfs, made once and kept in build/guest/image-KEY.

The kernel is Debian's, downloaded and unpacked, not installed. The initramfs holds static busybox, the modules named below
with what they need, and this folder's `init`. KEY is a digest of the sources, so a change of them makes a new image and
leaves one that another run is using alone.
"""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = pathlib.Path("/bin/busybox")

# Loaded at boot, in this order.
LOADED = [
    "virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay",  # output, and the host's files
    "veth", "bridge",                                                 # the nodes' network
    "crc32_generic",                                                  # without it `rdma link add` says "No such file"
    "rdma_rxe", "ib_uverbs", "rdma_ucm",                              # soft-RoCE, libibverbs, librdmacm
]
# There for modprobe, and loaded by the kernel when `tc` and `ip` first ask for them.
AVAILABLE = ["crc32_pclmul", "dummy", "sch_netem", "sch_tbf", "sch_prio", "cls_u32"]


class Unavailable(Exception):
    """Something that this machine lacks and that cannot be had here: a reason to skip."""


class Image:
    def __init__(self, folder):
        self.kernel = folder / "vmlinuz"
        self.initramfs = folder / "initramfs.gz"
        self.accelerator_note = folder / "accelerator"


def cached(cache, say):
    """The image in the folder `cache`, made now if it is not there; several callers make it once."""
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"image-{_key()}"
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix="making-") as making:
                _make(pathlib.Path(making), folder, say)
    return Image(folder)


def _key():
    digest = hashlib.sha256()
    for source in (HERE / "init", HERE / "image.py"):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _make(making, folder, say):
    for tool in (BUSYBOX, "depmod", "apt-get", "dpkg"):
        if not shutil.which(str(tool), path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise Unavailable(f"there is no {tool}; tools/install-deps test installs what is needed")
    say("downloading Debian's kernel (70 MB, once)")
    unpacked = _unpacked_kernel(making)
    version = next((unpacked / "lib/modules").iterdir()).name
    say(f"making the initramfs of kernel {version}")
    result = making / "result"
    result.mkdir()
    shutil.copy(unpacked / f"boot/vmlinuz-{version}", result / "vmlinuz")
    _make_initramfs(making / "initramfs", unpacked, version, result / "initramfs.gz")
    result.rename(folder)


def _unpacked_kernel(making):
    if not (_download_kernel(making) or (_run("apt-get", "update", "-qq") and _download_kernel(making))):
        raise Unavailable("Debian's kernel (what linux-image-amd64 depends on) cannot be downloaded with apt-get")
    unpacked = making / "unpacked"
    if not _run("dpkg", "-x", next(making.glob("*.deb")), unpacked):
        raise RuntimeError("dpkg -x of the kernel's package failed; is the disk full?")
    return unpacked


def _download_kernel(making):
    shown = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True)
    package = re.search(r"Depends: (linux-image-\S+)", shown.stdout)
    # As root apt would change to a user of its own, who may not write here.
    return bool(package) and _run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package[1], cwd=making)


def _make_initramfs(root, unpacked, version, target):
    for folder in ("bin", "sbin", "proc", "sys", "dev"):
        (root / folder).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    (root / "bin/sh").symlink_to("busybox")
    (root / "sbin/modprobe").symlink_to("/bin/busybox")  # where the kernel looks for it
    shutil.copy(HERE / "init", root / "init")
    (root / "init").chmod(0o755)
    (root / "modules").write_text("\n".join(LOADED) + "\n")

    _depmod(unpacked, version)
    modules = unpacked / "lib/modules" / version
    for path in _with_dependencies((modules / "modules.dep").read_text(), LOADED + AVAILABLE):
        target_path = root / "lib/modules" / version / path
        target_path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(modules / path, target_path)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(modules / name, root / "lib/modules" / version / name)
    _depmod(root, version)

    archive = 'cd "$1" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$2"'
    if not _run("bash", "-o", "pipefail", "-c", archive, "archive", root, target):
        raise RuntimeError("the initramfs could not be written; is the disk full?")


def _with_dependencies(modules_dep, names):
    """Paths of the named modules and of all that they need; lines are `path: path path ...`."""
    needs = dict(line.split(":", 1) for line in modules_dep.splitlines())
    by_name = {pathlib.Path(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    wanted = set()
    for name in names:
        if name in by_name:  # else built into the kernel; if it is not, init will say so
            wanted.update([by_name[name], *needs[by_name[name]].split()])
    return sorted(wanted)


def _depmod(root, version):
    if not _run("depmod", "-b", root, version):
        raise RuntimeError("depmod of the guest's modules failed")


def _run(*command, cwd=None):
    environment = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL).returncode == 0
