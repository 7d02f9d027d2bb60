"""Fetch the fonts and scripts that the pages carry, and check that they are what we expect.

    python book/vendor.py            fetch all files that the manifests name (needs npm and network)
    python book/vendor.py --check    compare the files here with the manifests (no network)

A manifest lists packages: name, version, licence, where it comes from, and for each file its path
in the package (none: the file is ours to keep) and its SHA-256. A file that does not match is an
error and is never written. To move to a new version, edit the manifest and run with --accept, which
records the new sums.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MANIFESTS = [ROOT / "book/_static/vendor/MANIFEST.json", ROOT / "tests/book/vendor/MANIFEST.json"]


def npm_files(name: str, version: str) -> dict[str, bytes]:
    """Every file of one npm package, by its path inside it."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{name}@{version}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as tar:
            members = [member for member in tar if member.isfile()]
            return {
                member.name.partition("/")[2]: tar.extractfile(member).read() for member in members
            }


def digest(data: bytes) -> str:
    """The SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def check(manifest: Path) -> list[str]:
    """What is wrong with the files beside `manifest`: changed, missing, or not listed."""
    listed, problems = {manifest.name}, []
    for package in json.loads(manifest.read_text(encoding="utf-8"))["packages"]:
        for file in package["files"]:
            listed.add(file["file"])
            path = manifest.parent / file["file"]
            if not path.exists():
                problems.append(f"{path}: missing")
            elif digest(path.read_bytes()) != file["sha256"]:
                problems.append(f"{path}: not the file that the manifest lists")
    here = {str(p.relative_to(manifest.parent)) for p in manifest.parent.rglob("*") if p.is_file()}
    return problems + [f"{manifest.parent / name}: not in the manifest" for name in here - listed]


def fetch(manifest: Path, accept: bool = False) -> None:
    """Fetch the packages of `manifest` and write its files beside it."""
    content = json.loads(manifest.read_text(encoding="utf-8"))
    for package in content["packages"]:
        if package["from"] != "npm":  # made by a script of ours, and only checked
            continue
        files = npm_files(package["name"], package["version"])
        for file in package["files"]:
            if "path" not in file:  # not in the package: kept here, and only checked
                continue
            data = files[file["path"]]
            if accept:
                file["sha256"] = digest(data)
            if digest(data) != file["sha256"]:
                raise SystemExit(f"{package['name']}: {file['path']} has another SHA-256")
            (manifest.parent / file["file"]).parent.mkdir(parents=True, exist_ok=True)
            (manifest.parent / file["file"]).write_bytes(data)
        print(f"{package['name']} {package['version']}: {len(package['files'])} files")
    if accept:
        manifest.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")


def main() -> None:
    """Do what the command line asks; say what is wrong, if anything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only, without network")
    parser.add_argument("--accept", action="store_true", help="record the sums of what is fetched")
    options = parser.parse_args()
    if not options.check:
        for manifest in MANIFESTS:
            fetch(manifest, options.accept)
    problems = [problem for manifest in MANIFESTS for problem in check(manifest)]
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
