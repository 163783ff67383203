# SPDX-License-Identifier: Apache-2.0
"""File systems of a test's own: a small one whose size changes, and one whose power can be cut. Both need root and mount(2); where a
machine has neither, the test is skipped with the reason."""
import ctypes
import fcntl
import os
import subprocess
import time

import pytest

from kinglet_server import eventually

# ext4: stop at once, and let nothing more of the journal out (EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH).
SHUTDOWN = 2 << 30 | 4 << 16 | ord("X") << 8 | 125
NO_LOG_FLUSH = 2
MIB = 1 << 20


def _run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True)


def _must_or_skip(what, *command):
    done = _run(*command)
    if done.returncode != 0:
        pytest.skip(f"{what} is not possible here: {done.stderr.strip() or done.returncode}")


def _unmount(folder, seconds=20):
    """Waits for the last process to leave."""
    end = time.monotonic() + seconds
    while (done := _run("umount", folder)).returncode != 0:
        assert time.monotonic() < end, f"umount: {done.stderr}"
        time.sleep(0.05)  # sleep: between two looks


def _need_root():
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")


class SmallDisk:
    """A tmpfs of `mib`."""

    def __init__(self, folder, mib):
        _need_root()
        folder.mkdir()
        _must_or_skip("mounting a tmpfs", "mount", "-t", "tmpfs", "-o", f"size={mib}m", "kinglet-test", folder)
        self.folder = folder

    def resize(self, mib):
        done = _run("mount", "-o", f"remount,size={mib}m", self.folder)
        assert done.returncode == 0, done.stderr

    def fill(self, leave):
        """Takes all room but `leave` bytes; answers the file that holds it."""
        ballast = self.folder / "ballast"
        state = os.statvfs(self.folder)
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - leave)
        return ballast

    def close(self):
        _run("umount", "-l", self.folder)


class PowerDisk:
    """An ext4 file system in the file `image`, mounted on `folder`. After cut() only what was synced before comes back with restore()."""

    def __init__(self, image, folder, mib=2048):
        _need_root()
        self.image, self.folder = image, folder
        self.folder.mkdir(parents=True)
        with open(self.image, "wb") as file:
            file.truncate(mib * MIB)
        _must_or_skip("making an ext4 file system", "mkfs.ext4", "-q", self.image)
        self._mount()
        (self.folder / "lost+found").rmdir()

    def _mount(self):
        _must_or_skip("mounting a loop device", "mount", "-o", "loop", self.image, self.folder)

    def cut(self):
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, ctypes.c_uint32(NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def restore(self):
        """Every process that used it must be gone or going."""
        _unmount(self.folder)
        # A mount namespace that was made meanwhile has the disk mounted, too, and then it stays as it is: cut off.
        if not eventually(lambda: not _run("losetup", "-j", self.image).stdout, 10):
            pytest.skip("another process keeps the disk of the test mounted")
        self._mount()

    def close(self):
        _unmount(self.folder)
        self.image.unlink()
