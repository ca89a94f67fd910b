"""The configuration on disk: a YAML file, or a folder such as a mounted ConfigMap; and the last good one in a file.

The disk is polled rather than watched by inotify: a ConfigMap's `..data` swap, an editor's rename and a network file
system all look the same to `stat`, and there is no watch limit to run out of.
"""

from pathlib import Path

from common.config_texts import ConfigTexts
from common.yaml_text import ConfigError

# The kubelet writes a new folder and then turns this link to it: all keys of a ConfigMap change at once.
LINK = "..data"
LARGEST_FOLDER = 1000


def read(path: Path) -> ConfigTexts:
    """The texts there; raises ConfigError."""
    if not path.is_dir():
        return ConfigTexts(base=_text(path))
    # Of one version of the ConfigMap, should the link turn meanwhile.
    folder = path / LINK if (path / LINK).is_dir() else path
    folder = folder.resolve()
    try:
        names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("..") and entry.is_file())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if not names and folder == path.resolve():
        raise ConfigError(f"{path} holds no file; put config.yaml there, or tunables by their dotted path")
    if len(names) > LARGEST_FOLDER:
        raise ConfigError(f"{path} holds more than {LARGEST_FOLDER} files: it is not a folder of tunables")
    return ConfigTexts.of({name: _text(folder / name) for name in names})


def stamp(path: Path) -> object:
    """Something that differs once the configuration may have changed."""
    try:
        status = path.stat()
        if (path / LINK).is_symlink():
            return (path / LINK).readlink()
        if not path.is_dir():
            return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
        inside = sorted((entry.name, entry.stat()) for entry in path.iterdir() if not entry.name.startswith(".."))
        return tuple((name, each.st_ino, each.st_mtime_ns, each.st_size) for name, each in inside)
    except OSError as error:
        return type(error).__name__


class LastGoodFile:
    """The last good configuration in a file of this machine."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __str__(self) -> str:
        return str(self._file)

    def load(self) -> str | None:
        """Its text; None when none was kept. Raises ConfigError when it cannot be read."""
        return _text(self._file) if self._file.exists() else None

    def keep(self, text: str) -> None:
        """Take this one from now on; raises OSError."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_name(self._file.name + ".new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self._file)


def _text(path: Path) -> str:
    try:
        # As it stands, line ends included: the API gives the same.
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
