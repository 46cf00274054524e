"""What is kept with a release so that others can check it: real keys, and the stock tools that others have."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from releasd.adapters.git import GitRepo
from releasd.adapters.sshsign import SshSigner
from releasd.core.provenance import NAMESPACE, attached
from releasd.errors import Transient
from releasd.model import Artifact, Job, StepName
from support.cli import Said, Terminal
from support.gitrepo import git
from support.lab import Lab, at, lab
from support.signing import allow, make_key, sign_commits
from support.store import url_of
from support.tools import require_tool

__all__ = ["lab"]

NAMES = {"SHA256SUMS", "SHA256SUMS.sig", "provenance.intoto.json", "provenance.intoto.json.sig", "sbom.cdx.json"}


@pytest.fixture
def key(lab: Lab, tmp_path: Path) -> Path:
    """Have the lab sign its releases; return the key."""
    made = make_key(tmp_path, "ops")
    lab.world = replace(lab.world, signer=SshSigner(made, NAMESPACE))
    return made


def kept(lab: Lab, job: Job) -> dict[str, Artifact]:
    """Return what is kept beside the job's files, by name."""
    return {file.filename: file for file in attached(lab.store.records(job.id)[StepName.CHECK].evidence)}


def downloaded(lab: Lab, job: Job, folder: Path) -> Path:
    """Return a folder with all files of a release, as a forge would give them."""
    folder.mkdir()
    for artifact in (*lab.store.artifacts(job.id), *kept(lab, job).values()):
        shutil.copy(lab.world.artifacts.path(artifact), folder)
    return folder


def test_stock_tools_check_a_release(lab: Lab, key: Path, tmp_path: Path) -> None:
    """Sha256sum and ssh-keygen, as docs/verify.md shows them, pass on what was released; nothing of it was uploaded."""
    job = lab.release()
    lab.assert_released(job, "1.1.0")
    assert kept(lab, job).keys() == NAMES
    folder = downloaded(lab, job, tmp_path / "downloads")
    subprocess.run((require_tool("sha256sum"), "--check", "--strict", "SHA256SUMS"), cwd=folder, check=True)
    signers = allow(tmp_path / "signers", key)
    for name in ("SHA256SUMS", "provenance.intoto.json"):
        argv = ("ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "ops@example.org", "-n", "releasd")
        with (folder / name).open("rb") as data:
            subprocess.run((*argv, "-s", f"{name}.sig"), cwd=folder, stdin=data, check=True)


def test_provenance_names_the_tagged_commit(lab: Lab, key: Path) -> None:
    """The source in the statement is what the tag points at."""
    job = lab.release()
    text = lab.world.artifacts.path(kept(lab, job)["provenance.intoto.json"]).read_text()
    source = json.loads(text)["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert source["digest"]["gitCommit"] == lab.tagged("v1.1.0")


def test_another_attempt_makes_the_same_files(lab: Lab, key: Path) -> None:
    """An attempt cut short after they were made, and the one after it: the same bytes, signatures included."""
    seen: list[bytes] = []

    def signing(data: bytes) -> bytes:
        seen.append(data)
        return SshSigner(key, NAMESPACE).sign(data)

    class Watched(SshSigner):
        def sign(self, data: bytes) -> bytes:
            return signing(data)

    lab.world = replace(lab.world, signer=Watched(key, NAMESPACE))
    at(lab, "check.applied", Transient("cut short"))
    first = lab.release()
    before = [data for data in seen if data != b"releasd"]
    lab.wait(first)
    job = lab.run()
    lab.assert_released(job, "1.1.0")
    assert [data for data in seen if data != b"releasd"] == before * 2


def test_release_without_a_key_is_not_signed(lab: Lab) -> None:
    """Digests, provenance and SBOM are kept all the same; nothing pretends to be a signature."""
    job = lab.release()
    lab.assert_released(job, "1.1.0")
    assert kept(lab, job).keys() == {name for name in NAMES if not name.endswith(".sig")}


def test_key_that_cannot_sign_stops_the_release_at_once(lab: Lab, key: Path) -> None:
    """A missing key is found before anything is built or public."""
    main = lab.push()
    key.unlink()
    lab.enqueue()
    job = lab.run()
    assert job.state == "failed"
    assert "signing key" in job.reason
    assert StepName.BUILD not in lab.steps(job)
    lab.assert_untouched(main)


def test_unsigned_commit_is_not_released(lab: Lab, tmp_path: Path) -> None:
    """The error names the commit; nothing that it brings was run, and nothing is public."""
    ada = make_key(tmp_path, "ada")
    lab.configure(allowed_signers=str(allow(tmp_path / "signers", ada)))
    main = lab.push()
    lab.enqueue()
    job = lab.run()
    assert job.state == "failed"
    assert main[:12] in job.reason
    assert "is not signed" in job.reason
    assert lab.host.tasks == []
    lab.assert_untouched(main)


def test_commit_signed_by_one_of_those_allowed_is_released(lab: Lab, tmp_path: Path) -> None:
    """The same project, with the commit signed."""
    ada = make_key(tmp_path, "ada")
    lab.configure(allowed_signers=str(allow(tmp_path / "signers", ada)))
    sign_commits(lab.work, ada)
    lab.assert_released(lab.release(), "1.1.0")


@pytest.fixture
def terminal(lab: Lab, key: Path, tmp_path: Path) -> Terminal:
    """Return an operator's shell, configured for the lab's state."""
    config = f'[daemon]\nstate = "{lab.folder}"\ndatabase = "{url_of(lab.folder)}"\n[signing]\nkey = "{key}"\n'
    (tmp_path / "releasd.toml").write_text(config)
    return Terminal(tmp_path, tmp_path)


def failed(said: Said) -> list[str]:
    """Return what was found wrong, from the JSON."""
    assert said.code == (0 if said.document["ok"] else 1)
    return [finding["what"] for finding in said.document["findings"] if not finding["ok"]]


def test_release_is_verified_by_project_and_by_job(lab: Lab, terminal: Terminal) -> None:
    """Our own key is trusted where nobody else is named; each thing looked at is said."""
    job = lab.release()
    for target in ("demo", str(job.id)):
        said = terminal.run("verify-release", target, "--json")
        assert failed(said) == []
        assert said.document["release"] == "demo v1.1.0"
    people = terminal.run("verify-release", "demo")
    assert people.code == 0
    assert lab.tagged("v1.1.0") in people.out


def test_file_changed_in_the_store_is_found(lab: Lab, terminal: Terminal) -> None:
    """A byte of a wheel: the digest that was signed and the one that was sealed both say so."""
    job = lab.release()
    wheel = next(a for a in lab.store.artifacts(job.id) if a.filename.endswith(".whl"))
    with lab.world.artifacts.path(wheel).open("ab") as file:
        file.write(b"x")
    assert failed(terminal.run("verify-release", "demo", "--json")) == ["files", "store"]


def tamper_wheel(folder: Path) -> None:
    with next(folder.glob("*.whl")).open("ab") as file:
        file.write(b"x")


def tamper_sums(folder: Path) -> None:
    """Change a wheel and its line: everything agrees but the signature and the provenance."""
    wheel = next(folder.glob("*.whl"))
    tamper_wheel(folder)
    digest = subprocess.run(("sha256sum", wheel.name), cwd=folder, capture_output=True, text=True, check=True).stdout
    sums = folder / "SHA256SUMS"
    kept_lines = [line for line in sums.read_text().splitlines() if wheel.name not in line]
    sums.write_text("\n".join([*kept_lines, digest.strip()]) + "\n")


def tamper_statement(folder: Path) -> None:
    path = folder / "provenance.intoto.json"
    path.write_text(path.read_text().replace('"project": "demo"', '"project": "evil"'))


def add_wheel(folder: Path) -> None:
    (folder / "evil-1.0-py3-none-any.whl").write_text("x")


def drop_signature(folder: Path) -> None:
    (folder / "SHA256SUMS.sig").unlink()


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (lambda _: None, []),
        (tamper_wheel, ["files"]),
        (tamper_sums, ["signature of SHA256SUMS", "provenance"]),
        (tamper_statement, ["signature of provenance.intoto.json", "files"]),
        (add_wheel, ["files"]),
        (drop_signature, ["signature of SHA256SUMS"]),
        (lambda folder: next(folder.glob("*.tar.gz")).unlink(), []),  # not downloaded, which is said
    ],
)
def test_downloads_are_verified_by_anyone(
    lab: Lab, terminal: Terminal, tmp_path: Path, tamper: Callable[[Path], None], found: list[str]
) -> None:
    """A folder and a file of signers are enough: whatever was changed on the way is named."""
    folder = downloaded(lab, lab.release(), tmp_path / "downloads")
    (tmp_path / "releasd.toml").unlink()
    signers = allow(tmp_path / "signers", tmp_path / "ops")
    tamper(folder)
    said = terminal.run("verify-release", "./downloads", "--json", "--allowed-signers", str(signers))
    assert failed(said) == found


def test_another_signer_is_not_believed(lab: Lab, terminal: Terminal, tmp_path: Path) -> None:
    """Whole and signed, but by somebody who is not on the list."""
    downloaded(lab, lab.release(), tmp_path / "downloads")
    signers = allow(tmp_path / "signers", make_key(tmp_path, "eve"))
    said = terminal.run("verify-release", "./downloads", "--json", "--allowed-signers", str(signers))
    assert failed(said) == ["signature of SHA256SUMS", "signature of provenance.intoto.json"]


@pytest.mark.parametrize("target", ["nothing", "99", "./nowhere"])
def test_release_that_is_not_there_is_wrong_usage(lab: Lab, terminal: Terminal, target: str) -> None:
    """Exit code 2, and what to name instead."""
    said = terminal.run("verify-release", target)
    assert said.code == 2
    assert said.err


def test_merge_of_releasd_s_own_is_signed(lab: Lab, key: Path, tmp_path: Path) -> None:
    """Where main moved meanwhile, the tip is our merge commit: it has to pass the rule for the next release."""
    lab.push()
    clone = GitRepo(lab.clone.path, signing_key=key)
    tip = clone.fetch("main")
    ours = clone.write_commit(parents=(tip,), files={"b": b"b"}, message="ours", at=lab.clock.now())
    merged = clone.merge(tip, ours, message="merge", at=lab.clock.now())
    signers = allow(tmp_path / "signers", key)
    clone.check_signature(str(merged), allowed=signers, revoked=None)
    assert git(clone.path, "cat-file", "commit", str(merged)).count("BEGIN SSH SIGNATURE") == 1
