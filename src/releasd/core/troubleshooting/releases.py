"""What stops a release before or after its files are uploaded: plans, gates, tags, checks, verification, secrets."""

from releasd.core.troubleshooting.entry import Known


def _known(name: str, pattern: str, shown: str, cause: str, fix: str, *examples: str) -> Known:
    return Known(name=name, scope="error", shown=shown, pattern=pattern, cause=cause, fix=fix, examples=examples)


PLANS = (
    _known(
        "nothing-releasable",
        r"none asks for one|no releasable commits|no relevant changes",
        '`no release: 3 commits since v1.2.3, none asks for one` ("No releasable commits")',
        "no `feat:`, `fix:`, `perf:` or breaking change since the tag",
        "write the commit in that form, or `releasd release PROJECT --bump patch`",
        "no release: 3 commits since v1.2.3, none asks for one",
        "No releasable commits",
    ),
    _known(
        "lost-breaking",
        r"would lose a breaking change",
        "`waits for an approval: the project's rules would lose a breaking change`",
        "a commit is breaking by the specification, and the project's own rules release it as less, or not at all "
        "(`feat!:` under semantic-release's default preset)",
        "`releasd approve JOB` to go on as the rules say, `releasd release PROJECT --bump major` to release it as what "
        "it is, or `policy.lost_breaking`",
        "waits for an approval: the project's rules would lose a breaking change",
    ),
    _known(
        "no-tag",
        r"no release tag of the form",
        "`pyproject.toml says 2.0.0, but no release tag of the form v{version} was found`",
        "this clone has no tags, or they have another form, or there are none: releasd takes no declared version back",
        '`git fetch --tags`, or set `tag_format`, or `initial_version = "2.0.0"`, or tag what is out',
        "pyproject.toml says 2.0.0, but no release tag of the form v{version} was found",
    ),
    _known(
        "rewritten",
        r"\bwas rewritten\b",
        "`main was rewritten`",
        "the planned commit is no longer on the branch",
        "nothing: the new tip is planned",
        "main was rewritten",
    ),
    _known(
        "shallow",
        r"history is shallow|shallow update not allowed",
        "`…: the history is shallow, so the last release cannot be known`",
        "the history is cut off, so no range can be trusted",
        "`git fetch --unshallow --tags`",
        "/src/demo: the history is shallow, so the last release cannot be known",
    ),
    _known(
        "version-in-your-clone",
        r"version not updated|\(fetch first\)|non-fast-forward",
        'the version in your clone is old ("Version not updated"), `! [rejected] main -> main (fetch first)`',
        "the release commit is on the remote",
        "`git pull --rebase --tags`",
        "Version not updated",
        "! [rejected]        main -> main (fetch first)",
    ),
    _known(
        "tag-exists",
        r"the tag \S+ (?:exists on the remote|is on the remote at)|tag '?\S+'? already exists",
        "`the tag v1.3.0 exists on the remote already`",
        "a release tag off the planned line of history",
        "merge that commit into the branch, or delete the tag",
        "the tag v1.3.0 exists on the remote already",
        "the tag v1.3.0 is on the remote at 0123456789ab, not at our ba9876543210",
    ),
    _known(
        "unfinished",
        r"(?:is|may be) tagged but not complete",
        "`v1.3.0 is tagged but not complete`",
        "the release stopped after its point of no return",
        "the reason and the fix are in the message; `releasd retry JOB` completes it",
        "v1.3.0 is tagged but not complete",
    ),
)

CRATES = (
    _known(
        "old-cargo",
        r"cargo could not package the crates",
        "`cargo could not package the crates; this is cargo 1.85.0 …`",
        "one cargo call packages crates that need each other only since 1.90",
        "a newer cargo on that host, or a container that has one",
        "cargo could not package the crates; this is cargo 1.85.0",
    ),
    _known(
        "unpublishable-crates",
        r"these crates cannot be published",
        "`these crates cannot be published` and a list",
        "a path without a version, `publish = false`, a crate that stays behind",
        "each line says which; edit Cargo.toml, or `crates` in `.releasd.toml`",
        "these crates cannot be published:",
    ),
    _known(
        "crates-in-a-circle",
        r"go round in a circle",
        "`… go round in a circle`",
        "crates that need each other, mostly for their tests",
        "leave `version` out of the dev-dependency: Cargo does not publish it then",
        "demo-core, demo-cli go round in a circle",
    ),
    _known(
        "crate-not-listed",
        r"took \S+\.crate but does not list it yet",
        "`… took demo-core-1.3.0.crate but does not list it yet`",
        "the registry's index lags, and the next crate needs this one",
        "nothing: it goes on by itself",
        "crates took demo-core-1.3.0.crate but does not list it yet",
    ),
)

CHECKS = (
    _known(
        "not-as-planned",
        r"built files are not what was planned",
        "`check: the built files are not what was planned:` and a list",
        "what the index or its users would refuse, found before the tag",
        'each line has its fix; push it, the version is still free ([project.md](project.md), "What `check` judges")',
        "check: the built files are not what was planned:",
    ),
    _known(
        "record",
        r"RECORD (?:lists|has no)|listed in RECORD|that RECORD says",
        "a line about `RECORD`",
        "the wheel's contents are not those that its own list says; uv, twine and pip do not notice, PyPI does",
        "nothing may change a wheel after it was built: repair it with `auditwheel`, `delocate` or `wheel pack`",
        "demo/__init__.py does not have the digest that RECORD says",
    ),
    _known(
        "not-abi3",
        r"is tagged abi3 and uses",
        "`… is tagged abi3 and uses what is outside the stable ABI`",
        "a call that the next Python may not have",
        "compile with `Py_LIMITED_API`, or drop the tag",
        "_core.abi3.so is tagged abi3 and uses what is outside the stable ABI: PyUnicode_AsUTF8",
    ),
    _known(
        "strays-in-sdist",
        r"holds files that are not in the release commit",
        "`it holds files that are not in the release commit: …`",
        "the sdist took up something that the build made or that someone put there",
        "commit it, exclude it, or name it in `sdist_generated`",
        "it holds files that are not in the release commit: .env",
    ),
    _known(
        "readme",
        r"long description does not render",
        "`its long description does not render`",
        "the readme is reStructuredText with a mistake, or is taken for it",
        "mend it, or give its content type in pyproject.toml",
        "its long description does not render",
    ),
    _known(
        "over-limit",
        r"it has [\d.]+ MB, the index takes",
        "`it has 130.2 MB, the index takes 100`",
        "larger than the index allows",
        "make it smaller, or ask the index for more and set `max_file_mb`",
        "it has 130.2 MB, the index takes 100",
    ),
    _known(
        "over-project-limit",
        r"takes [\d.]+ GB of a project in all, has",
        "`pypi takes 10 GB of a project in all, has 9.98, and this release adds 0.1`",
        "the files of all versions together would be more than the index gives a project; nothing is tagged or sent",
        "delete files of old versions there, or ask the index for more and set `max_project_gb`, then `releasd retry`",
        "pypi takes 10 GB of a project in all, has 9.98, and this release adds 0.1",
    ),
    _known(
        "not-reproducible",
        r"second build did not give the same bytes",
        "`a second build did not give the same bytes`",
        "something besides the sources got into the build (`policy.reproduce`)",
        'the lines below it name member and cause; `reproduce = "report"` lets releases go on meanwhile',
        "a second build did not give the same bytes",
    ),
)

PUBLISHED = (
    _known(
        "on-the-index-already",
        r"is on the index \S*\s?already",
        "`… is on the index already`",
        "somebody published this version another way",
        "tag that commit in the repository (`git tag v1.3.0 COMMIT && git push --tags`), or push a commit that asks "
        "for more",
        "demo 1.3.0 is on the index pypi already: demo-1.3.0.tar.gz",
    ),
    _known(
        "foreign-bytes",
        r"with other bytes than those built",
        "`… with other bytes than those built here`",
        "somebody else uploaded a file of that name",
        "find out who before anything else; the way on is a new version (`releasd yank PROJECT VERSION`)",
        "pypi has demo-1.0.tar.gz with other bytes than those built here",
    ),
    _known(
        "foreign-file",
        r"files in this version that were not built here|which releasd did not publish",
        "`… serves files in this version that were not built here`",
        "somebody else uploaded with a token of yours",
        "revoke the index's tokens now, unless it was you; then `releasd yank PROJECT VERSION` "
        "([watching.md](watching.md))",
        "pypi serves files in this version that were not built here: demo-1.0-cp39-abi3-win_amd64.whl",
        "pypi serves demo-9.9.9-py3-none-any.whl, which releasd did not publish",
    ),
    _known(
        "not-served-yet",
        r"does not (?:list|serve) .{0,300} yet|does not install in a fresh environment yet",
        "`… has stored the files but does not serve all of them yet`",
        "an index lags behind its uploads, for minutes or more",
        "nothing: it is looked at for `policy.verify_timeout`, and again by itself with growing pauses",
        "pypi has stored the files but does not serve all of them yet",
        "pypi took the files but does not list demo-1.0.tar.gz yet",
        "demo==1.0 is served by pypi but does not install in a fresh environment yet",
    ),
    _known(
        "publish-again",
        r"publish is tried again",
        "`publish is tried again: …`",
        "the index is down, slow or limits us",
        "nothing: it is tried again for hours with growing pauses",
        "publish is tried again: uv publish: 503",
    ),
)

SECRETS = (
    _known(
        "token-malformed",
        r"the upload token (?:is empty|contains|does not begin)|service token is malformed",
        "`the upload token contains white space …`, `… terminal colour codes …`, `… does not begin with 'pypi-' …`",
        "what the store holds is more than the token, or another: a log line, a colour, a line break",
        "store the bare value (`doppler secrets set PYPI_TOKEN`), then `releasd secrets check`",
        "the upload token contains terminal colour codes: the command that prints it prints a log line as well",
        "the upload token contains white space: the command that prints it prints something else as well",
        "the upload token does not begin with 'pypi-', as every token of the public index does",
        "the Doppler service token is malformed",
    ),
    _known(
        "no-keyring",
        r"no keyring on this machine|no recommended backend was available",
        "`there is no keyring on this machine for the daemon's user`",
        "without a desktop there is none: keyrings belong to a session",
        "set PYTHON_KEYRING_BACKEND for the daemon, or keep the secret in `cred:` or `file:`",
        "there is no keyring on this machine for the daemon's user",
        "No recommended backend was available. Install a recommended 3rd party backend package",
    ),
    _known(
        "doppler-missing",
        r"could not find requested secret",
        "`Could not find requested secret: PYPI_TOKEN`",
        "Doppler has no secret of that name in that project and configuration",
        "`doppler secrets set PYPI_TOKEN --project … --config …`, or mend the reference; then `releasd secrets check`",
        "Could not find requested secret: NOPE",
    ),
    _known(
        "doppler-denied",
        r"invalid auth token|invalid service token|you must provide a token",
        "`Invalid Auth token`, `you must provide a token`",
        "Doppler's service token is missing, revoked, or of another configuration",
        "make a read-only service token of that configuration and store it where `token` points; then `releasd "
        "secrets check`",
        "Invalid Auth token",
        "you must provide a token",
    ),
    _known(
        "not-under-systemd",
        r"CREDENTIALS_DIRECTORY is not set",
        "`CREDENTIALS_DIRECTORY is not set`",
        "`cred:` works only in a service that systemd started",
        "start it as a service (docs/service.md), or use `file:`",
        "CREDENTIALS_DIRECTORY is not set",
    ),
    _known(
        "variable-not-set",
        r"is not set for the daemon",
        "`the variable … is not set for the daemon`",
        "`env:` names a variable that the daemon was not started with",
        "set it where the daemon is started, or use `file:` or `cred:`",
        "the variable PYPI_TOKEN is not set for the daemon",
    ),
    _known(
        "secret-file",
        r"the secret file .{0,200} cannot be read",
        "`the secret file … cannot be read`",
        "it is not there, or not the daemon's own",
        "`(umask 077; cat >FILE)` as the daemon's user; then `releasd secrets check`",
        "the secret file /etc/releasd/token cannot be read: Permission denied",
    ),
)
