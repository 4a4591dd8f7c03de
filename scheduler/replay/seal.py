"""Takes clock, environment, network and chance away from a process: whoever reads one is stopped, and named.

It is done in a child process that ends with the replay, so nothing is ever put back. What is a function of Python's
is replaced wherever anything holds it; what lies in C types, in the type itself; the rest is seen by an audit hook.
"""

from __future__ import annotations

import ctypes
import datetime
import gc
import gettext
import os
import random
import sys
import sysconfig
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, CellType, FrameType, FunctionType, MethodType
from typing import Any, Final, NamedTuple, NoReturn

CLOCK: Final = "clock"
ENVIRONMENT: Final = "environment"
NETWORK: Final = "network"
RANDOMNESS: Final = "randomness"
PROCESS: Final = "process"
FILE: Final = "file"

_CLOCKS: Final = (
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
    "process_time_ns", "thread_time", "thread_time_ns", "clock_gettime", "clock_gettime_ns", "localtime", "mktime",
    "ctime",
)  # fmt: skip
# With an instant given these only reckon; without one they read the clock. The number is of the arguments then.
_CLOCKS_UNLESS_GIVEN: Final = {"gmtime": 1, "asctime": 1, "strftime": 2}
_OF_PROCESS: Final = (
    "getpid", "getppid", "uname", "getlogin", "cpu_count", "getloadavg", "times", "getuid", "geteuid", "umask",
)  # fmt: skip
_EVENTS: Final = {
    "subprocess.Popen": PROCESS, "os.system": PROCESS, "os.exec": PROCESS, "os.posix_spawn": PROCESS,
    "os.spawn": PROCESS, "os.fork": PROCESS, "os.forkpty": PROCESS, "pty.spawn": PROCESS, "builtins.input": PROCESS,
    "os.putenv": ENVIRONMENT, "os.unsetenv": ENVIRONMENT,
}  # fmt: skip
_FILE_EVENTS: Final = frozenset({"open", "os.listdir", "os.scandir", "glob.glob", "shutil.copyfile"})
_PACKAGES: Final = ("policies", "adapters", "scheduler")
_ROOT: Final = Path(__file__).resolve().parents[2]
_OWN: Final = tuple([f"{_ROOT / name}{os.sep}" for name in _PACKAGES])
_LIBRARIES: Final = tuple(
    {f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


class UnrecordedRead(BaseException):
    """Something was read that no entry records. ``decide()`` sets loans aside on an Exception, so this is none."""

    def __init__(self, kind: str, what: str, file: str, line: int) -> None:
        self.kind, self.what, self.file, self.line = kind, what, file, line
        super().__init__(f"{what} ({kind}) at {file}:{line}")


reads: Final[list[UnrecordedRead]] = []
"""What was read since the seal, also where somebody caught the error."""


def blame(kind: str, what: str) -> NoReturn:
    """Raise UnrecordedRead, and name the line that asked: the innermost that is not of a library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    asked = frame
    while frame is not None and _of_library(frame.f_code.co_filename):
        frame = frame.f_back
    frame = frame or asked
    file, line = ("?", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
    if file.startswith(_OWN):
        file = file[len(str(_ROOT)) + 1 :]
    read = UnrecordedRead(kind, what, file, line)
    reads.append(read)
    raise read


def _of_library(file: str) -> bool:
    return not file.startswith(_OWN) and file.startswith((*_LIBRARIES, "<"))


class _Removed(NamedTuple):
    """A function and what takes its place."""

    old: Any
    new: Callable[..., Any]


class Seal:
    """Found in the parent, before any child begins; ``close`` is done in the child."""

    def __init__(self) -> None:
        # What is frozen, as a service does to itself, is not found.
        gc.unfreeze()
        self._removed = {id(one.old): one for one in _functions()}
        self._holders = _holders(self._removed.values())
        self._members = list(self._of_classes())
        self._modules = set(sys.modules)
        self._folders = _folders()

    def close(self) -> None:
        """From here on this process reads nothing but its own memory and the files of the program."""
        for holder in self._holders:
            self._replace(holder)
        for name in set(sys.modules) - self._modules:
            self._replace(vars(sys.modules[name]))
        for kind, name, new in self._members:
            _set(kind, {name: new})
        _seal_types()
        random.Random.seed = _seed  # type: ignore[method-assign]
        gettext.find = _find
        _seal_environment()
        sys.addaudithook(self._hook)

    def _replace(self, holder: Any) -> None:
        removed = self._removed
        if isinstance(holder, dict):
            for name, value in list(holder.items()):
                if id(value) in removed:
                    holder[name] = self._instead(value)
        elif isinstance(holder, list):
            holder[:] = [self._instead(value) for value in holder]
        elif isinstance(holder, CellType):
            holder.cell_contents = self._instead(holder.cell_contents)
        elif isinstance(holder, FunctionType):
            holder.__defaults__ = tuple([self._instead(value) for value in holder.__defaults__ or ()]) or None
        elif isinstance(holder, partial):
            state = (self._instead(holder.func), holder.args, holder.keywords, vars(holder))
            holder.__setstate__(state)  # type: ignore[attr-defined]
        else:
            for name in _attributes(holder):
                value = getattr(holder, name, None)
                if self._instead(value) is not value:
                    object.__setattr__(holder, name, self._instead(value))

    def _instead(self, value: Any) -> Any:
        one = self._removed.get(id(value))
        return value if one is None or one.old is not value else one.new

    def _of_classes(self) -> Iterator[tuple[type, str, Any]]:
        """What classes hold, itself or as a static method, with what takes its place."""
        for kind in _classes():
            for name, value in vars(kind).items():
                function = value.__func__ if isinstance(value, staticmethod) else value
                new = self._instead(function)
                if new is not function:
                    yield kind, name, staticmethod(new)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FILE_EVENTS:
            path = arguments[0] if arguments else None
            if isinstance(path, bytes | str | os.PathLike) and not _within(path, self._folders):
                blame(FILE, f"{event} {os.fsdecode(path)}")
        elif event in _EVENTS:
            blame(_EVENTS[event], event)
        elif event.startswith("socket."):
            blame(NETWORK, event)


def _folders() -> tuple[str, ...]:
    """Where the program and its data lie: the folders of ``sys.path`` as they are called and as they really are."""
    found = set()
    for entry in sys.path:
        if entry:
            found |= {os.path.abspath(entry), os.path.realpath(entry)}  # noqa: PTH100 - the hook compares texts
    return tuple(sorted(found))


def _within(path: str | bytes | os.PathLike[Any], folders: tuple[str, ...]) -> bool:
    whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
    return any(whole == folder or whole.startswith(folder + os.sep) for folder in folders)


# --- functions ----------------------------------------------------------------------------------------------------


def _functions() -> list[_Removed]:
    found = [_gone(time, name, CLOCK) for name in _CLOCKS if hasattr(time, name)]
    found += [_gone(time, name, CLOCK, unless=given) for name, given in _CLOCKS_UNLESS_GIVEN.items()]
    found += [_gone(os, name, RANDOMNESS) for name in ("urandom", "getrandom") if hasattr(os, name)]
    found += [_gone(uuid, name, RANDOMNESS) for name in ("uuid1", "getnode")]
    found += [_gone(os, name, PROCESS) for name in _OF_PROCESS if hasattr(os, name)]
    generator = getattr(uuid, "_generate_time_safe", None)
    if generator is not None:
        found.append(_Removed(generator, _blaming(CLOCK, "uuid1")))
    # The functions of the module are methods of one generator that nobody sees.
    for name, value in vars(random).items():
        if isinstance(value, BuiltinFunctionType | MethodType) and isinstance(value.__self__, random.Random):
            found.append(_Removed(value, _blaming(RANDOMNESS, f"random.{name}")))
    return found + _bound_to_types()


def _bound_to_types() -> list[_Removed]:
    """``datetime.now`` and its like where somebody keeps it as a function: each time it is fetched it is another."""
    types: dict[type, tuple[str, ...]] = {datetime.datetime: ("now", "utcnow", "today"), datetime.date: ("today",)}
    return [
        _Removed(one, _blaming(CLOCK, f"{one.__self__.__name__}.{one.__name__}"))
        for one in gc.get_objects()
        if type(one) is BuiltinFunctionType
        and isinstance(one.__self__, type)
        and one.__name__ in types.get(one.__self__, ())
    ]


def _gone(module: Any, name: str, kind: str, *, unless: int | None = None) -> _Removed:
    old = getattr(module, name)
    return _Removed(old, _blaming(kind, f"{module.__name__}.{name}", old, unless))


def _blaming(
    kind: str, what: str, old: Callable[..., Any] | None = None, unless: int | None = None
) -> Callable[..., Any]:
    def removed(*arguments: Any, **named: Any) -> Any:
        if old is not None and unless is not None and len(arguments) >= unless and None not in arguments:
            return old(*arguments, **named)
        blame(kind, what)

    return removed


def _holders(removed: Iterable[_Removed]) -> list[Any]:
    """Whatever holds one of the functions: namespaces, lists, closures, and functions that have it as a default."""
    kept = list(removed)
    # A replacement may call what it replaces.
    ours = {id(cell) for one in kept for cell in getattr(one.new, "__closure__", None) or ()}
    found: list[Any] = []
    tuples: list[Any] = []
    for holder in gc.get_referrers(*[one.old for one in kept]):
        if isinstance(holder, tuple):
            tuples += [] if isinstance(holder, _Removed) else [holder]
        elif id(holder) not in ours and not isinstance(holder, FrameType | type):
            found.append(holder)
    if tuples:
        found += [one for one in gc.get_referrers(*tuples) if isinstance(one, FunctionType)]
    return found


def _attributes(holder: Any) -> list[str]:
    """The names of what an object holds, in its dictionary or in slots."""
    slots = [vars(kind).get("__slots__", ()) for kind in type(holder).__mro__]
    names = [name for one in slots for name in ((one,) if isinstance(one, str) else one)]
    return names + list(getattr(holder, "__dict__", ()))


def _classes() -> set[type]:
    """Every class of the process."""
    found: set[type] = set()
    waiting: list[type] = [object]
    while waiting:
        below: list[type] = type.__subclasses__(waiting.pop())
        for kind in below:
            if kind not in found:
                found.add(kind)
                waiting.append(kind)
    return found


# --- what is no function ------------------------------------------------------------------------------------------


def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    if a is None:
        blame(RANDOMNESS, "random.Random without a seed")
    _SEED(self, a, version)


_SEED: Final = random.Random.seed


_FIND: Final = gettext.find


def _find(domain: str, localedir: Any = None, languages: Any = None, all: bool = False) -> Any:
    """Names are not translated: the tables of holidays have theirs by the language of the machine, and none is read."""
    return _FIND(domain, localedir, languages or ["C"], all)


def _seal_types() -> None:
    """The methods of ``datetime`` and ``date`` themselves: many a module has fetched these types long ago."""
    date_, datetime_ = datetime.date, datetime.datetime
    from_stamp, as_zone, stamp = datetime_.fromtimestamp, datetime_.astimezone, datetime_.timestamp

    def fromtimestamp(cls: type[datetime.datetime], at: Any, tz: datetime.tzinfo | None = None) -> Any:
        if tz is None:
            blame(ENVIRONMENT, "datetime.fromtimestamp in the zone of the machine")
        return from_stamp.__func__(cls, at, tz) if hasattr(from_stamp, "__func__") else from_stamp(at, tz)

    def astimezone(self: datetime.datetime, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        if tz is None or self.tzinfo is None:
            blame(ENVIRONMENT, "datetime.astimezone in the zone of the machine")
        return as_zone(self, tz)

    def timestamp(self: datetime.datetime) -> Any:
        if self.tzinfo is None:
            blame(ENVIRONMENT, "datetime.timestamp in the zone of the machine")
        return stamp(self)

    replaced: dict[type, dict[str, Any]] = {
        date_: {
            "today": classmethod(_blaming(CLOCK, "date.today")),
            "fromtimestamp": classmethod(_blaming(ENVIRONMENT, "date.fromtimestamp in the zone of the machine")),
        },
        datetime_: {
            "now": classmethod(_blaming(CLOCK, "datetime.now")),
            "utcnow": classmethod(_blaming(CLOCK, "datetime.utcnow")),
            "today": classmethod(_blaming(CLOCK, "datetime.today")),
            "fromtimestamp": classmethod(fromtimestamp),
            "astimezone": astimezone,
            "timestamp": timestamp,
        },
    }
    for kind, methods in replaced.items():
        _set(kind, methods)


def _set(kind: type, members: dict[str, Any]) -> None:
    """Set members of a class. One of C's takes no assignment; the dictionary behind its read-only view does."""
    (namespace,) = gc.get_referents(kind.__dict__)
    namespace.update(members)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


class _NoEnvironment(os._Environ):  # type: ignore[type-arg]
    """The environment of a sealed process: any look at it is a read."""

    def _read(self, *_: Any, **__: Any) -> NoReturn:
        blame(ENVIRONMENT, "os.environ")

    __getitem__ = __setitem__ = __delitem__ = __contains__ = __iter__ = __len__ = _read
    __repr__ = __or__ = __ror__ = __ior__ = get = copy = keys = values = items = setdefault = _read


def _seal_environment() -> None:
    os.environ.clear()
    for environment in (os.environ, getattr(os, "environb", None)):
        if environment is not None:
            environment.__class__ = _NoEnvironment
