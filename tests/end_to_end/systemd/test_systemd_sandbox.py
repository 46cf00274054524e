"""The unit's sandbox under a real systemd: what a release needs gets through, and what it does not need is refused."""

import hashlib
import hmac
import json

from support.service import CONFIG, OWNER, PYPROJECT, Service
from support.systemd import CHECKOUT, wait_until

KEY = "a-key-that-only-systemd-hands-over"
REMOTE = """
poll_remote_every = "1h"
[projects.demo]
repository = "git@localhost:/srv/remote/demo.git"
webhooks = ["listener"]
[hosts.here]
workdir = "/var/cache/releasd/builds"
[webhooks.listener]
url = "http://127.0.0.1:8080/"
secret = "key"
[secrets]
key = "cred:key"
"""
BUILD = """
[[builds]]
name = "wheel"
run = "/opt/releasd/bin/python -m hatchling build -t wheel -d $RELEASD_OUT"
artifacts = ["*.whl"]
"""
BACKEND = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
LISTENER = r"""
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open("/run/heard.json", "w") as file:
            json.dump({"signature": self.headers["X-Releasd-Signature-256"], "body": body}, file)
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""
# A forge: git over ssh, as another user, with strict host keys.
FORGE = r"""
usermod --home /srv/remote git
mkdir -p /run/sshd /srv/remote/.ssh /var/lib/releasd/.ssh
ssh-keygen -q -t ed25519 -N '' -f /run/sshd/key
ssh-keygen -q -t ed25519 -N '' -f /var/lib/releasd/.ssh/id_ed25519
cp /var/lib/releasd/.ssh/id_ed25519.pub /srv/remote/.ssh/authorized_keys
echo "localhost $(cat /run/sshd/key.pub)" >/var/lib/releasd/.ssh/known_hosts
chown -R git /srv/remote; chmod 755 /srv/remote; chown -R releasd /var/lib/releasd
runuser -u git -- git init -q --bare -b main /srv/remote/demo.git
printf 'HostKey /run/sshd/key\nUsePAM no\nListenAddress 127.0.0.1\nPidFile none\n' >/run/sshd/config
systemd-run --quiet --unit=forge /usr/sbin/sshd -D -e -f /run/sshd/config
systemd-run --quiet --unit=listener /usr/bin/python3 /opt/listener.py
"""
# Each of these works for the service's user outside of the service; PROBE prints which do inside.
PROBE = r"""
import ctypes, json, mmap, os, pathlib, resource, socket

def attempt(action):
    try:
        return bool(action())
    except OSError:
        return False

def namespace():
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000):
        raise OSError(ctypes.get_errno())
    return True

def personality():
    if ctypes.CDLL(None, use_errno=True).personality(0x0040000) == -1:
        raise OSError(ctypes.get_errno())
    return True

def keep_core():
    return resource.getrlimit(resource.RLIMIT_CORE)[1] != 0

print(json.dumps({
    "write elsewhere": attempt(lambda: pathlib.Path("/srv/other/file").write_text("x")),
    "read homes": attempt(lambda: pathlib.Path("/home/pusher/public").read_text()),
    "see others' processes": attempt(lambda: pathlib.Path("/proc/1/cmdline").read_bytes()),
    "see /tmp of others": attempt(lambda: pathlib.Path("/tmp/of-others").read_text()),
    "read kernel's facts": attempt(lambda: pathlib.Path("/proc/meminfo").read_text()),
    "memory both writable and executable": attempt(
        lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)),
    "packet-level sockets": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "change the personality": attempt(personality),
    "change the priority": attempt(lambda: os.nice(1)),
    "gain privileges": attempt(lambda: "NoNewPrivs:\t0" in pathlib.Path("/proc/self/status").read_text()),
    "make namespaces": attempt(namespace),
    "leave a core": attempt(keep_core),
}))
"""
NEEDED = r"""
import json, os, pathlib, socket, subprocess
def works(*command):
    return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
def writes(folder):
    pathlib.Path(folder, "probe").write_text("x")
    return True
print(json.dumps({
    "git": works("git", "--version"), "ssh": works("ssh", "-V"), "uv": works("uv", "--version"),
    "state": writes("/var/lib/releasd"), "cache": writes("/var/cache/releasd"), "tmp": writes("/tmp"),
    "repositories": writes("/srv/git"), "internet": bool(socket.socket(socket.AF_INET6)),
    "shared repositories": works("git", "init", "--bare", "--shared=group", "/srv/git/shared.git"),
}))
"""


# What PROBE tries to reach.
TARGETS = """
install -d -o releasd /srv/other
echo x >/home/pusher/public
echo x >/tmp/of-others
chmod -R a+rX /home/pusher /tmp/of-others
"""
# From the manual's table: what works again, and the line that lets it.
RELAXED = {
    "write elsewhere": "ReadWritePaths=/srv/other",
    "read homes": "ProtectHome=read-only",
    "read kernel's facts": "ProcSubset=all",
    "memory both writable and executable": "MemoryDenyWriteExecute=no",
    "packet-level sockets": "RestrictAddressFamilies=AF_NETLINK",
    "change the priority": "SystemCallFilter=@resources @privileged",
}


def inside(service: Service, program: str, *lines: str) -> dict[str, bool]:
    """Run a program in the place of the daemon, under the unit's other lines and `lines`; return what it printed."""
    service.machine.write("/opt/probe.py", program)
    service.drop_in("Type=exec", "Restart=no", "ExecStart=", "ExecStart=/opt/releasd/bin/python /opt/probe.py", *lines)
    service.start()
    wait_until(lambda: service.show("ActiveState") == "inactive", 90.0, service.statement)
    return dict(service.machine.journal("releasd")[-1])


def test_what_a_release_does_not_need_is_refused(service: Service) -> None:
    """Each forbidden thing works for the service's user outside of the service, and fails inside."""
    service.machine.sh(TARGETS)
    refused = inside(service, PROBE)
    outside = json.loads(service.machine.sh("runuser -u releasd -- /opt/releasd/bin/python /opt/probe.py"))
    assert [thing for thing, works in outside.items() if not works] == []
    assert [thing for thing, works in refused.items() if works] == []


def test_each_relaxation_of_the_manual_lets_through_what_it_says(service: Service) -> None:
    """With the manual's lines in a drop-in those things work, and everything else stays refused."""
    service.machine.sh(TARGETS)
    works = {thing for thing, works in inside(service, PROBE, *RELAXED.values()).items() if works}
    assert works == set(RELAXED)
    manual = (CHECKOUT / "docs/service.md").read_text().replace("=/the/folder", "=/srv/other")
    assert [line for line in RELAXED.values() if f"`{line}`" not in manual] == []


def test_what_a_release_needs_is_allowed(service: Service) -> None:
    """git, ssh and uv start; state, cache, /tmp and the repositories can be written, shared ones included."""
    assert [thing for thing, works in inside(service, NEEDED).items() if not works] == []


def test_state_is_private_and_the_spool_folder_is_reachable(service: Service) -> None:
    """Another user can leave a push in the spool folder by name, and can read nothing of the daemon's state."""
    service.start()
    script = "touch /var/lib/releasd/spool/x.json; ! cat /var/lib/releasd/releasd.db; ! ls /var/lib/releasd; ! cat {}"
    audit = "/var/lib/releasd/audit.jsonl"
    service.machine.run("runuser", "-u", "pusher", "--", "sh", "-euc", script.format(audit))


def test_a_release_over_ssh_with_a_credential_goes_through(service: Service) -> None:
    """Fetch and push by ssh, a build on this machine, and a webhook signed with a secret from LoadCredential=."""
    service.machine.write("/opt/listener.py", LISTENER)
    service.machine.write("/etc/releasd/credentials/key", KEY + "\n", 0o600)
    service.machine.write("/etc/releasd/releasd.toml", CONFIG.partition("[projects")[0] + REMOTE)
    service.machine.sh(FORGE)
    service.drop_in("LoadCredential=key:/etc/releasd/credentials/key")
    files = {"pyproject_toml": PYPROJECT + BACKEND, "_releasd_toml": BUILD, "demo.py": "x = 1\n"}
    service.commit("feat: one", to="/srv/remote/demo.git", owner="git", **files)
    service.start()
    said = service.machine.run("/opt/releasd/bin/releasd", "release", "demo", "--wait", check=False)
    assert said.returncode == 0, said.stdout + said.stderr + service.statement()
    tags = service.machine.sh("runuser -u git -- git -C /srv/remote/demo.git tag")
    assert tags == "v0.1.0"
    heard = json.loads(service.machine.sh("cat /run/heard.json"))
    expected = hmac.new(KEY.encode(), heard["body"].encode(), hashlib.sha256).hexdigest()
    assert heard["signature"] == f"sha256={expected}"


def test_a_closed_run_user_is_no_trouble_of_the_host(service: Service) -> None:
    """ProtectHome= closes /run/user, which is there as soon as anybody is logged in: a survey finds what it can."""
    service.machine.sh("mkdir -p /run/user/$(id -u releasd)")
    service.start()
    said = service.machine.run("/opt/releasd/bin/releasd", "hosts", "probe", check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Permission denied" not in said.stdout


def test_the_owner_of_the_repositories_may_be_another_user(service: Service) -> None:
    """As the manual says: with User=git the daemon owns its state, and the group releasd still steers it."""
    service.machine.sh("chown -R keeper:keeper /srv/git")
    service.drop_in("User=keeper", "Group=keeper")
    commit = service.commit("feat: one", owner="keeper", pyproject_toml=PYPROJECT)
    service.start()
    assert service.hint(commit)["ok"]
    ask = ("/opt/releasd/bin/releasd", "status", "--json", "--config", "/etc/releasd/releasd.toml")
    said = service.machine.run("runuser", "-u", "anna", "--", *ask)
    assert json.loads(said.stdout)["daemon"]["running"]
    assert service.machine.run("runuser", "-u", "pusher", "--", *ask, check=False).returncode != 0


def test_the_user_service_runs_under_a_users_own_systemd(service: Service) -> None:
    """The unit of systemd/user becomes ready, reloads and stops, with its sockets in the user's runtime folder."""
    machine = service.machine
    machine.sh(f"""
        mkdir -p /home/owner/.config/systemd/user /home/owner/.config/releasd /home/owner/.local/bin
        cp /opt/test/checkout/systemd/user/releasd.service /home/owner/.config/systemd/user/
        echo '[daemon]' >/home/owner/.config/releasd/releasd.toml
        ln -sf /opt/releasd/bin/releasd /home/owner/.local/bin/releasd
        chown -R owner /home/owner
        systemctl start user@{OWNER}.service
    """)
    user = ("runuser", "-u", "owner", "--", "env", f"XDG_RUNTIME_DIR=/run/user/{OWNER}")
    machine.run(*user, "systemctl", "--user", "start", "releasd")
    status = json.loads(machine.run(*user, "/opt/releasd/bin/releasd", "status", "--json").stdout)
    assert status["daemon"]["running"]
    assert machine.sh(f"stat -c %a /run/user/{OWNER}/releasd/control.sock") == "600"
    machine.run(*user, "systemctl", "--user", "reload", "releasd")
    machine.run(*user, "systemctl", "--user", "stop", "releasd")
    result = machine.run(*user, "systemctl", "--user", "show", "--value", "--property=Result", "releasd")
    assert result.stdout.strip() == "success"
