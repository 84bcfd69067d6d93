"""`loopbench plugins new`: a package that adds an architecture or a task, and passes its own tests.

The templates are whole packages of the name `my-plugin`, which is replaced in its three spellings.
"""

import ast
import keyword
import re
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from loopbench.errors import LoopbenchError
from loopbench.files import check_writable
from loopbench.plugins import names
from loopbench.validation import printable

TEMPLATES = Path(__file__).with_name("templates")
PREFIX = "loopbench-"
MAX_NAME = 50

Template = Literal["architecture", "task"]


def new_plugin(name: str, kind: Template, folder: Path | None = None) -> Path:
    """Write the package `loopbench-NAME`, whole or not at all, and return its folder.

    Args:
        name: of the architecture or task; a `loopbench-` in front of it is the package's.
        folder: where to write it; default: `loopbench-NAME` in the current one.

    Raises:
        LoopbenchError: a name that cannot be used or is taken, or a folder that is there or cannot be written.
    """
    name = name.removeprefix(PREFIX)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > MAX_NAME:
        raise LoopbenchError(
            f"a plugin's name is words of a-z and 0-9 joined by -, a letter first and at most {MAX_NAME} characters in "
            f"all, as in gated-loop; not {printable(name)!r}"
        )
    if (cls := _class(name)) in _taken(TEMPLATES / kind):
        raise LoopbenchError(f"{name!r} would make a class {cls}, a name that the package needs; choose another name")
    if _installed(f"{PREFIX}{name}"):
        raise LoopbenchError(f"a package {PREFIX}{name} is installed already; choose another name")
    if name in names(kind):
        raise LoopbenchError(f"there is {kind} {name!r} already (`loopbench plugins`); choose another name")
    folder = Path(PREFIX + name) if folder is None else folder
    if folder.exists() or folder.is_symlink():
        raise LoopbenchError(f"{folder} is there already; choose another name, or another folder with --output")
    check_writable(folder.parent)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            written = Path(temporary) / "package"
            _write(TEMPLATES / kind, written, name)
            written.rename(folder)
    except OSError as error:
        raise LoopbenchError(f"cannot write {folder}: {error.strerror or error}") from error
    return folder


def _installed(package: str) -> bool:
    """Whether pip would replace something by that package, or its module be another's."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return bool(find_spec(package.replace("-", "_")))
    return True


def _write(template: Path, folder: Path, name: str) -> None:
    for path in sorted(template.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            to = folder / _renamed(str(path.relative_to(template)), name)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(_renamed(path.read_text(encoding="utf-8"), name), encoding="utf-8")


def _renamed(text: str, name: str) -> str:
    """With `name` in place of the template's own, as it is written in text, in a module and as a class."""
    text = text.replace("my-plugin", name).replace("my_plugin", name.replace("-", "_"))
    return text.replace("MyPlugin", _class(name))


def _class(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _taken(template: Path) -> set[str]:
    """What the template's class must not be called: keywords, and the names that its code uses."""
    used = {
        node.id
        for path in template.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name)
    }
    return {*keyword.kwlist, *used} - {"MyPlugin"}
