"""releasd as a systemd service, installed on a booted machine as docs/service.md says."""

import json
from typing import Any

from support.systemd import Machine

PUSHER = 4711  # pushes, and is nobody else; the uids after it: OWNER, keeper, anna, git
OWNER = 4712
CONFIG = """
[daemon]
state = "/var/lib/releasd"
runtime = "/run/releasd"
[projects.demo]
repository = "/srv/git/demo.git"
[hosts.here]
"""
PYPROJECT = '[project]\nname = "demo"\nversion = "0.1.0"\n'
IDENTITY = "-c user.name=Anna -c user.email=anna@example.org"
# Sends a hint, as the hook does, and prints the answer.
HINT = r"""
import json, socket, sys
hint = {"v": 1, "repository": "/srv/git/demo.git", "ref": "refs/heads/main", "old": "0" * 40, "new": sys.argv[1],
        "options": [], "source": "post-receive"}
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(60)
    client.connect("/run/releasd/hook.sock")
    client.sendall(json.dumps(hint).encode() + b"\n")
    print(client.makefile().readline())
"""
_INSTALL = f"""
systemctl stop 'releasd*' 2>/dev/null
rm -rf /etc/systemd/system/releasd[.-][shc]* /tmp/work
rm -rf /var/lib/releasd /var/cache/releasd /srv/git /run/releasd
cp /opt/test/checkout/systemd/releasd* /etc/systemd/system/
getent passwd releasd >/dev/null ||
    useradd --system --user-group --home-dir /var/lib/releasd --shell /usr/sbin/nologin releasd
uid={PUSHER}
for user in pusher owner keeper anna git; do
    getent passwd $user >/dev/null || useradd --uid $uid --user-group --create-home -p '*' --shell /bin/sh $user
    uid=$((uid + 1))
done
usermod --append --groups releasd anna
install -d -o releasd -g releasd /srv/git
runuser -u releasd -- git init -q --bare -b main /srv/git/demo.git
systemctl reset-failed
systemctl daemon-reload
"""


class Service:
    """The service, installed anew and not started yet; one repository, a few users of the machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.sh(f"set +e\n{_INSTALL}")
        machine.write("/etc/releasd/releasd.toml", CONFIG)
        machine.write("/opt/hint.py", HINT)

    def drop_in(self, *lines: str, unit: str = "releasd.service") -> None:
        """Change the unit, as `systemctl edit` does."""
        self.machine.write(f"/etc/systemd/system/{unit}.d/test.conf", "\n".join(("[Service]", *lines, "")))
        self.machine.run("systemctl", "daemon-reload")

    def start(self) -> None:
        """Start it and return when it said READY."""
        self.machine.run("systemctl", "start", "releasd")

    def show(self, name: str) -> str:
        """Return one property of the service."""
        return self.machine.show("releasd.service", name)

    def commit(self, message: str, *, to: str = "/srv/git/demo.git", owner: str = "releasd", **files: str) -> str:
        """Commit into a bare repository, as its owner and without any hook; return the commit.

        In the names of `files`, an underscore stands for a dot.
        """
        for name, text in files.items():
            self.machine.write(f"/tmp/work/{name.replace('_', '.')}", text)
        return self.machine.sh(f"""
            mkdir -p /tmp/work; chown -R {owner} /tmp/work; cd /tmp/work
            runuser -u {owner} -- sh -euc '
                test -d .git || git init -q -b main
                git add .; git {IDENTITY} commit -q --allow-empty -m "{message}"
                git push -q {to} main; git rev-parse HEAD'
        """)

    def commit_while_down(self, **files: str) -> str:
        """Let the daemon see the repository once, stop it, and push a `feat:` commit; return the commit."""
        self.commit("chore: begin", pyproject_toml=PYPROJECT, **files)
        self.start()
        self.machine.run("systemctl", "stop", "releasd")
        return self.commit("feat: one")

    def hint(self, commit: str) -> dict[str, Any]:
        """Tell of a push as another user; return the daemon's answer."""
        said = self.machine.run("runuser", "-u", "pusher", "--", "/usr/bin/python3", "/opt/hint.py", commit).stdout
        return dict(json.loads(said))

    def events(self) -> list[dict[str, Any]]:
        """Return the audit log."""
        return [json.loads(line) for line in self.machine.sh("cat /var/lib/releasd/audit.jsonl").splitlines()]

    def happened(self, event: str) -> list[dict[str, Any]]:
        """Return the data of all events of that name."""
        return [entry["data"] for entry in self.events() if entry["event"] == event]

    def statement(self) -> str:
        """Return what there is to say when it does not do what is expected."""
        return self.machine.sh("systemctl status --no-pager releasd; journalctl -o cat -u releasd -n 50", check=False)
