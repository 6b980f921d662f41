"""OpenMLDB's own SQL compiler, from the native part of the ``openmldb`` wheel, in a process of its own.

:func:`find_sdk` says where the native library is, :func:`install_sdk` fetches it into a private folder, and
:class:`Compiler` asks it. No server is needed, and nothing of the wheel but the library is loaded.
"""

from dsflow.openmldb.sdk.client import Compiler, CompilerError, Refusal, shared_compiler
from dsflow.openmldb.sdk.install import VERSION, Sdk, SdkMissing, find_sdk, install_sdk, sdk_folder

__all__ = [
    "VERSION",
    "Compiler",
    "CompilerError",
    "Refusal",
    "Sdk",
    "SdkMissing",
    "find_sdk",
    "install_sdk",
    "sdk_folder",
    "shared_compiler",
]
