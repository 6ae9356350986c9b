"""Lets `multiprocessing` work where there is no `/dev/shm`: see `_ade_semaphore`. Costs a start nothing that does not use it."""

import sys


class _Finder:
    """Changes two modules of `multiprocessing` when somebody imports them."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "multiprocessing.synchronize":
            import _multiprocessing

            import _ade_semaphore

            _multiprocessing.SemLock = _ade_semaphore.SemLock
        elif name == "multiprocessing.heap":
            from importlib.machinery import PathFinder

            spec = PathFinder.find_spec(name, path)
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                # Memory that processes share is in files of the temporary directory.
                module.Arena._dir_candidates = []

            spec.loader.exec_module = exec_module
            return spec
        return None


sys.meta_path.insert(0, _Finder)
