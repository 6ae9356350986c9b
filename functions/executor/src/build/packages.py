"""Lists the packages of an environment and compiles its config. Arguments: the file to write, the config, the environment."""

import compileall
import json
import py_compile
import sys
from importlib.metadata import distributions

target, config, environment = sys.argv[1:]
compileall.compile_dir(config, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)

packages = {}
for found in distributions():
    name = found.metadata["Name"]
    # The first one on the path is the one that is imported.
    packages.setdefault(
        name.lower().replace("_", "-").replace(".", "-"),
        {
            "name": name,
            "version": found.version,
            "byte_size": sum(file.size or 0 for file in found.files or ()),
            "shared": not str(found.locate_file("")).startswith(environment),
        },
    )
with open(target, "w", encoding="utf-8") as file:
    json.dump({"packages": [packages[name] for name in sorted(packages)]}, file)
