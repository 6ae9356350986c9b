"""Semaphores of `multiprocessing` that have no names.

Those of the system are files in `/dev/shm`, which all programs of a machine share and which AWS Lambda does not have, so the sandbox keeps
it closed. These are event counters of the kernel (eventfd(2)), known only to a process and those that it starts. They do what
`_multiprocessing.SemLock` does, but for telling their value, which systems without `sem_getvalue` can't either.
"""

import os
import select
import threading
import time

RECURSIVE_MUTEX = 0


class SemLock:
    SEM_VALUE_MAX = 2**31 - 1

    def __init__(self, kind, value, maxvalue, name=None, unlink=True):
        if not 0 <= value <= maxvalue:
            raise ValueError("invalid value")
        self._open(kind, maxvalue, os.eventfd(value, os.EFD_SEMAPHORE | os.EFD_CLOEXEC | os.EFD_NONBLOCK))

    def _open(self, kind, maxvalue, fd):
        self.kind, self.maxvalue, self._fd = kind, maxvalue, fd
        # There is nothing of which the resource tracker would have to remove the name.
        self.name = None
        self._held, self._holder = 0, None
        self._close = os.close

    @classmethod
    def _rebuild(cls, handle, kind, maxvalue, name):
        lock = cls.__new__(cls)
        lock._open(kind, maxvalue, handle.detach())
        os.set_blocking(lock._fd, False)
        return lock

    @property
    def handle(self):
        """What a process that is being started gets, when it does not inherit it; else only a number to tell it by."""
        from multiprocessing.context import get_spawning_popen
        from multiprocessing.reduction import DupFd

        return self._fd if get_spawning_popen() is None else DupFd(self._fd)

    def __del__(self):
        # Absent when it was never made.
        if hasattr(self, "_close"):
            self._close(self._fd)

    def _is_mine(self):
        return self._held > 0 and self._holder == threading.get_ident()

    def _count(self):
        return self._held

    def _after_fork(self):
        self._held = 0

    def _get_value(self):
        raise NotImplementedError("the value of a semaphore is not known here")

    def _is_zero(self):
        return not self._wait(0)

    def _wait(self, milliseconds):
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(milliseconds))

    def acquire(self, block=True, timeout=None):
        if self.kind == RECURSIVE_MUTEX and self._is_mine():
            self._held += 1
            return True
        deadline = None if timeout is None else time.monotonic() + max(timeout, 0)
        while True:
            try:
                os.eventfd_read(self._fd)
                break
            except BlockingIOError:
                if not block:
                    return False
            rest = None if deadline is None else max(deadline - time.monotonic(), 0)
            # Rounded up: a wait that is too short would only be repeated.
            if not self._wait(None if rest is None else int(rest * 1000) + (rest > 0)) and rest == 0:
                return False
        self._held += 1
        self._holder = threading.get_ident()
        return True

    def release(self):
        if self.kind == RECURSIVE_MUTEX:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._held > 1:
                self._held -= 1
                return
        elif self.maxvalue == 1 and self._wait(0):
            raise ValueError("semaphore or lock released too many times")
        os.eventfd_write(self._fd, 1)
        self._held -= 1

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *exc_info):
        self.release()
