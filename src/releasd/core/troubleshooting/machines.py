"""What goes wrong with hosts, connections, repositories and the daemon itself."""

from releasd.core.troubleshooting.entry import Known


def _known(name: str, pattern: str, shown: str, cause: str, fix: str, *examples: str) -> Known:
    return Known(name=name, scope="error", shown=shown, pattern=pattern, cause=cause, fix=fix, examples=examples)


HOSTS = (
    _known(
        "no-host-reachable",
        r"no able host can be reached|no host (?:with labels .{1,200} )?is usable",
        "`no able host can be reached`, `no host with labels … is usable`",
        "every host with the labels is away, drained or in quarantine; the message names each, and when it is "
        "looked at next",
        "nothing, or `releasd hosts probe`: the job goes on by itself when one is back; `releasd hosts resume NAME` "
        "for a "
        "drained one",
        "no able host can be reached: bigblack is quarantined (no route to host)",
        "no host with labels linux, x86_64 is usable: big is drained",
    ),
    _known(
        "build-lost-too-often",
        r"was begun \d+ times, and each time its host failed",
        "`was begun 5 times, and each time its host failed`",
        "the build, gate, trial or pulled image itself fills the disks of its hosts, uses up their memory, or kills "
        "processes that are not its own",
        "see what it does: `releasd log JOB`; give its hosts more room, then `releasd retry JOB`",
        "demo was begun 5 times, and each time its host failed: one (the disk of host one is full: No space left)",
    ),
    _known(
        "host-key",
        r"host key verification failed|remote host identification has changed|the key of host .* is unknown|"
        r"the key of host .* (?:is not|has changed)",
        "the host key is unknown or changed, `Host key verification failed`",
        "the host was never met, or is not the one it was",
        "compare the fingerprints named in the message on the host itself, then `releasd hosts remove NAME` and "
        "`add` it "
        "again, or add the key to its known_hosts",
        "Host key verification failed.",
        "the key of host big (10.0.0.2) is unknown: it showed ssh-ed25519 SHA256:x",
        "the key of host big (10.0.0.2, port 22) has changed: SHA256:x is known, it showed SHA256:y",
    ),
    _known(
        "ssh-denied",
        r"permission denied \(publickey|refused our key|authentication failed|no more authentication methods",
        "`Permission denied (publickey)`",
        "the host does not let the daemon's key in",
        "`ssh-copy-id -i KEY.pub USER@HOST` as the daemon's user, or set `identity`; then `releasd hosts probe`",
        "tca@bigblack: Permission denied (publickey,password).",
        "host big (tca@bigblack, port 22) refused our key: Authentication failed.",
    ),
    _known(
        "ssh-unreachable",
        r"ssh: connect to host|\bhost .{0,200} cannot be reached|could not resolve hostname|"
        r"no route to host|connection timed out during banner",
        "`ssh: connect to host … port 22: Connection refused`, `No route to host`",
        "the host is off, or not reachable from here",
        "nothing: it is looked at again, and another host takes the build if one can; `releasd hosts probe`",
        "ssh: connect to host bigblack port 22: Connection refused",
        "ssh: Could not resolve hostname bigblack",
        "bigblack: No route to host",
        "host big (tca@bigblack, port 22) cannot be reached: timed out",
    ),
    _known(
        "no-such-host",
        r"no registered host has",
        "`no registered host has the labels …`",
        "nobody could ever build this",
        "register a host with them (`releasd hosts add`), or change the build's labels",
        "no registered host has the labels macos, arm64",
    ),
    _known(
        "image-not-allowed",
        r"names no digest|matches none of",
        "`… names no digest`, `matches none of …`",
        "the operator's policy does not allow that image",
        "name it as `name@sha256:…`, or change `[projects.NAME.policy]`",
        "the image manylinux names no digest",
    ),
    _known(
        "build-failed",
        r"its command ended with exit status",
        '`build: wheel on bigblack: its command ended with exit status 101` ("Linux build failed")',
        "the build itself failed there",
        "`releasd log JOB --step build`, then push the fix",
        "wheel on bigblack: its command ended with exit status 101",
    ),
)

DAEMON = (
    _known(
        "dubious-ownership",
        r"dubious ownership",
        "`detected dubious ownership in repository`",
        "git does not read a repository that belongs to another user",
        "`git config --global --add safe.directory REPOSITORY` as the daemon's user",
        "fatal: detected dubious ownership in repository at '/srv/git/demo.git'",
    ),
    _known(
        "git-remote",
        r"does not appear to be a git repository|could not read from remote repository|repository not found",
        "`Could not read from remote repository`",
        "the repository has moved, or the daemon's user may not read it",
        "`git ls-remote REPOSITORY` as the daemon's user shows it; mend `repository`, or the key",
        "fatal: Could not read from remote repository.",
        "fatal: '/srv/x.git' does not appear to be a git repository",
    ),
    _known(
        "push-refused",
        r"pre-receive hook declined|protected branch|remote rejected",
        "`pre-receive hook declined`, `protected branch`",
        "the remote does not let the daemon push to the branch or tag",
        "allow its user to push there, then `releasd retry JOB`",
        "! [remote rejected] main -> main (pre-receive hook declined)",
        "remote: error: GH006: Protected branch update failed",
    ),
    _known(
        "two-daemons",
        r"another releasd \(process",
        "`another releasd (process N) runs on …`",
        "two daemons, one state folder",
        "stop one, or give it its own `daemon.state`",
        "another releasd (process 4711) runs on /var/lib/releasd",
    ),
    _known(
        "daemon-down",
        r"the daemon does not answer",
        "`the daemon does not answer; this push is noted`",
        "it is down or busy; the push is in the spool folder",
        "start it: the push is picked up within a second",
        "the daemon does not answer; this push is noted",
        "the daemon does not answer on /run/releasd/control.sock",
    ),
    _known(
        "audit-broken",
        r"audit\.jsonl: ",
        "`audit verify` finds something",
        "the log was changed after it was written",
        "keep copies of the file and the database, then find out who could write to them",
        "/var/lib/releasd/audit.jsonl: event 7 was changed",
    ),
)
