"""The keys that launchd knows and what each may hold, from launchd.plist(5) of macOS 14; there is no linter for it.

In the table a type stands for itself, a set for the texts allowed, a list for an array of what it holds, a
dictionary for one with those keys ("*" for any key), and a tuple for alternatives.
"""

import plistlib
from collections.abc import Iterator
from typing import Any

_JOB_STATE = {
    "SuccessfulExit": bool, "Crashed": bool, "NetworkState": bool, "AfterInitialDemand": bool,
    "PathState": {"*": bool}, "OtherJobEnabled": {"*": bool},
}  # fmt: skip
_LIMITS = dict.fromkeys(
    (
        "Core", "CPU", "Data", "FileSize", "MemoryLock", "NumberOfFiles", "NumberOfProcesses", "ResidentSetSize",
        "Stack",
    ),
    int,
)  # fmt: skip
_CALENDAR = dict.fromkeys(("Minute", "Hour", "Day", "Weekday", "Month"), int)
_SOCKET = {
    "SockType": {"stream", "dgram", "seqpacket"}, "SockPassive": bool, "SockNodeName": str,
    "SockServiceName": (str, int), "SockFamily": {"IPv4", "IPv6", "IPv4v6", "Unix"}, "SockProtocol": {"TCP", "UDP"},
    "SockPathName": str, "SockPathMode": int, "SockPathOwner": int, "SockPathGroup": int, "SecureSocketWithKey": str,
    "Bonjour": (bool, str, [str]), "MulticastGroup": str, "ReceivePacketInfo": bool,
}  # fmt: skip
KEYS: dict[str, Any] = {
    "Label": str, "Disabled": bool, "UserName": str, "GroupName": str, "InitGroups": bool,
    "Program": str, "BundleProgram": str, "ProgramArguments": [str], "EnableGlobbing": bool,
    "inetdCompatibility": {"Wait": bool, "Instances": int},
    "LimitLoadToHosts": [str], "LimitLoadFromHosts": [str], "LimitLoadToSessionType": (str, [str]),
    "LimitLoadToHardware": {"*": [str]}, "LimitLoadFromHardware": {"*": [str]},
    "EnableTransactions": bool, "EnablePressuredExit": bool, "OnDemand": bool, "ServiceIPC": bool,
    "KeepAlive": (bool, _JOB_STATE), "RunAtLoad": bool, "LaunchOnlyOnce": bool,
    "RootDirectory": str, "WorkingDirectory": str, "EnvironmentVariables": {"*": str}, "Umask": (int, str),
    "TimeOut": int, "ExitTimeOut": int, "ThrottleInterval": int,
    "WatchPaths": [str], "QueueDirectories": [str], "StartOnMount": bool,
    "StartInterval": int, "StartCalendarInterval": (_CALENDAR, [_CALENDAR]), "LegacyTimers": bool,
    "StandardInPath": str, "StandardOutPath": str, "StandardErrorPath": str, "Debug": bool, "WaitForDebugger": bool,
    "SoftResourceLimits": _LIMITS, "HardResourceLimits": _LIMITS, "Nice": int,
    "ProcessType": {"Background", "Standard", "Adaptive", "Interactive"},
    "AbandonProcessGroup": bool, "LowPriorityIO": bool, "LowPriorityBackgroundIO": bool,
    "MaterializeDatalessFiles": bool, "SessionCreate": bool, "AssociatedBundleIdentifiers": (str, [str]),
    "MachServices": {"*": (bool, {"ResetAtClose": bool, "HideUntilCheckIn": bool})},
    "Sockets": {"*": (_SOCKET, [_SOCKET])}, "LaunchEvents": {"*": {"*": dict}},
}  # fmt: skip
_ABSOLUTE = ("Program", "RootDirectory", "WorkingDirectory", "StandardInPath", "StandardOutPath", "StandardErrorPath")


def problems(plist: bytes) -> list[str]:
    """Return what launchd would not understand in a property list; empty when there is nothing.

    Raises:
        plistlib.InvalidFileException, xml.parsers.expat.ExpatError: it is no property list.
    """
    job = plistlib.loads(plist)
    if not isinstance(job, dict):
        return ["not a dictionary"]
    return [*_misfits("", job, KEYS), *_rules(job)]


def _rules(job: dict[str, Any]) -> Iterator[str]:
    if "Label" not in job:
        yield "Label: missing"
    if not {"Program", "BundleProgram"} & job.keys() and not job.get("ProgramArguments"):
        yield "Program or ProgramArguments: missing"
    programs = job.get("ProgramArguments")
    paths = {key: job[key] for key in _ABSOLUTE if key in job}
    if isinstance(programs, list) and programs and "Program" not in job:
        paths["ProgramArguments[0]"] = programs[0]
    for key, path in paths.items():
        if isinstance(path, str) and not path.startswith("/"):
            yield f"{key}: {path} is no absolute path"


def _misfits(where: str, value: Any, wanted: Any) -> list[str]:
    match wanted:
        case tuple():
            tried = [_misfits(where, value, one) for one in wanted]
            same_shape = [found for found, one in zip(tried, wanted, strict=True) if _is_shaped(value, one)]
            return min(same_shape or tried, key=len)
        case dict() if isinstance(value, dict):
            return [found for key, item in value.items() for found in _in_dictionary(where, key, item, wanted)]
        case list() if isinstance(value, list):
            return [found for n, item in enumerate(value) for found in _misfits(f"{where}[{n}]", item, wanted[0])]
        case set() if value in wanted:
            return []
        case type() if type(value) is wanted:  # not isinstance: True is an int to Python, and not to launchd
            return []
        case _:
            return [f"{where}: {value!r} is not {_named(wanted)}"]


def _in_dictionary(where: str, key: str, item: Any, wanted: dict[str, Any]) -> list[str]:
    path = f"{where}.{key}" if where else key
    if key not in wanted and "*" not in wanted:
        return [f"{path}: unknown key"]
    return _misfits(path, item, wanted.get(key, wanted.get("*")))


def _is_shaped(value: Any, wanted: Any) -> bool:
    return isinstance(value, dict) == isinstance(wanted, dict) and isinstance(value, list) == isinstance(wanted, list)


def _named(wanted: Any) -> str:
    match wanted:
        case dict():
            return "a dictionary"
        case list():
            return "an array"
        case set():
            return "one of " + ", ".join(sorted(wanted))
        case _:
            return {str: "a string", int: "an integer", bool: "true or false", dict: "a dictionary"}[wanted]
