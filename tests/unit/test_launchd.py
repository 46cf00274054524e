"""The table of launchd's keys finds what launchd would silently ignore or refuse."""

import plistlib
from typing import Any

import pytest

from support.launchd import problems

GOOD: dict[str, Any] = {
    "Label": "org.example",
    "ProgramArguments": ["/bin/true", "--flag"],
    "KeepAlive": {"SuccessfulExit": False, "PathState": {"/tmp/x": True}},
    "EnvironmentVariables": {"PATH": "/bin"},
    "StartCalendarInterval": [{"Hour": 3}],
    "SoftResourceLimits": {"Core": 0},
    "ProcessType": "Standard",
    "Umask": 18,
}


def lint(**changes: Any) -> list[str]:
    """Return the problems of GOOD with changes; None removes a key."""
    job = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return problems(plistlib.dumps(job))


def test_known_keys_of_the_right_types_are_fine() -> None:
    """Nested dictionaries, arrays and alternatives that the manual allows are no problem."""
    assert lint() == []
    assert (
        lint(KeepAlive=True, Umask="022", StartCalendarInterval={"Minute": 0}, ProgramArguments=None, Program="/x")
        == []
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"KeepALive": True}, "KeepALive: unknown key"),
        ({"KeepAlive": {"SuccesfulExit": False}}, "KeepAlive.SuccesfulExit: unknown key"),
        ({"KeepAlive": {"SuccessfulExit": 0}}, "KeepAlive.SuccessfulExit: 0 is not true or false"),
        ({"RunAtLoad": "yes"}, "RunAtLoad: 'yes' is not true or false"),
        ({"RunAtLoad": 1}, "RunAtLoad: 1 is not true or false"),
        ({"ExitTimeOut": True}, "ExitTimeOut: True is not an integer"),
        ({"ExitTimeOut": "15"}, "ExitTimeOut: '15' is not an integer"),
        ({"ExitTimeout": 15}, "ExitTimeout: unknown key"),
        ({"ProgramArguments": "/bin/true"}, "ProgramArguments: '/bin/true' is not an array"),
        ({"ProgramArguments": ["/bin/true", 5]}, "ProgramArguments[1]: 5 is not a string"),
        ({"EnvironmentVariables": {"N": 1}}, "EnvironmentVariables.N: 1 is not a string"),
        ({"EnvironmentVariables": ["PATH=/bin"]}, "EnvironmentVariables: ['PATH=/bin'] is not a dictionary"),
        ({"StartCalendarInterval": [{"Hours": 3}]}, "StartCalendarInterval[0].Hours: unknown key"),
        ({"HardResourceLimits": {"core": 0}}, "HardResourceLimits.core: unknown key"),
        (
            {"ProcessType": "Batch"},
            "ProcessType: 'Batch' is not one of Adaptive, Background, Interactive, Standard",
        ),
        ({"Label": None}, "Label: missing"),
        ({"ProgramArguments": None}, "Program or ProgramArguments: missing"),
        ({"ProgramArguments": []}, "Program or ProgramArguments: missing"),
        ({"ProgramArguments": ["releasd"]}, "ProgramArguments[0]: releasd is no absolute path"),
        ({"StandardErrorPath": "~/log"}, "StandardErrorPath: ~/log is no absolute path"),
    ],
)
def test_each_mistake_is_named(changes: dict[str, Any], problem: str) -> None:
    """One mistake gives one line, with the key's place and what is allowed there."""
    assert lint(**changes) == [problem]


def test_what_is_no_dictionary_is_refused() -> None:
    """A property list may hold anything; a job is a dictionary."""
    assert problems(plistlib.dumps(["Label"])) == ["not a dictionary"]
