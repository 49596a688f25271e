"""Makes the kernel refuse to write files to this process, as a full disk does, for a time.

A file-size limit of zero: every write to a regular file fails with EFBIG, sockets go on. It is
for the whole process, so keep the time short and print nothing in it.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow inside of the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
