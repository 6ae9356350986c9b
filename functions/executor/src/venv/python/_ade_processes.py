"""Lets `multiprocessing` work where there is no `/dev/shm`: see `_ade_semaphore`. Costs a start nothing that does not use it."""

import sys


class _Finder:
    """Changes three modules of `multiprocessing` when somebody imports them."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "multiprocessing.synchronize":
            import _multiprocessing

            import _ade_semaphore

            _multiprocessing.SemLock = _ade_semaphore.SemLock
        elif name in _CHANGES:
            from importlib.machinery import PathFinder

            spec = PathFinder.find_spec(name, path)
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                _CHANGES[name](module)

            spec.loader.exec_module = exec_module
            return spec
        return None


def _in_files(heap):
    # Memory that processes share is in files of the temporary directory.
    heap.Arena._dir_candidates = []


def _without_sockets(reduction):
    # No socket can be made to send a file's handle over, so there is no server of processes ("forkserver") either: Python falls back
    # to "spawn" where that is its default.
    reduction.HAVE_SEND_HANDLE = False


_CHANGES = {"multiprocessing.heap": _in_files, "multiprocessing.reduction": _without_sockets}


sys.meta_path.insert(0, _Finder)
