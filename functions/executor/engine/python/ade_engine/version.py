"""The engine's own version: the native module and the Python package are built and released as one."""

from ade_engine._native import VERSION

__version__ = VERSION
