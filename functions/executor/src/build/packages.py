"""Lists the packages of an environment, and compiles them and its config. Arguments: the file to write, that
of the software bill of materials (CycloneDX), the environment."""

import compileall
import json
import py_compile
import sys
from importlib.metadata import distributions

target, sbom, environment = sys.argv[1:]
compileall.compile_dir(environment, quiet=2, maxlevels=64, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)

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
components = [
    {"type": "library", "name": name, "version": package["version"], "purl": f"pkg:pypi/{name}@{package['version']}"}
    for name, package in sorted(packages.items())
]
with open(sbom, "w", encoding="utf-8") as file:
    json.dump({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}, file)
