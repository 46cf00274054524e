"""`announce`: tells the world, at least once, with a key that lets the receiver drop a repetition.

Each target has its own record: who was told is not told again while another is retried, and each is due again on its
own. In order: the forge's release page, to which the others may link; webhooks; e-mail; then deploy scripts, which take
longest. Nothing here ever fails the release (core/lifecycle.py, rule 5), a defect of our own included.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from releasd.core import announcing
from releasd.errors import Cancelled, ConfigError, Fenced, Permanent, ReleasdError, Stopping, Transient
from releasd.model import AnnouncedFile, Announcement, Deploy, Evidence, StepState, TargetRecord
from releasd.ports import Task
from releasd.steps import attest, forge
from releasd.steps.context import Context

Target = tuple[str, Callable[[], Evidence]]  # its kind and name, and how it is told
_ENDS_THE_ATTEMPT = (Cancelled, Fenced, Stopping)


def observe(ctx: Context) -> Evidence | None:
    """Return None: most receivers cannot be asked, so the key makes a repetition harmless."""


def apply(ctx: Context) -> Evidence:
    """Tell every target that is due; one that fails does not keep the others from hearing."""
    targets = dict(_targets(ctx, announcement(ctx)))
    before, now = ctx.journal.announcements(), ctx.clock.now()
    for name, tell in targets.items():
        if name not in before or before[name].is_due(now):
            _tell(ctx, name, tell)
    return _verdict(ctx, tuple(targets))


def announcement(ctx: Context) -> Announcement:
    """Return what is told: the same for each target and each repetition."""
    plan = ctx.plan
    return Announcement(
        project=plan.project,
        distribution=plan.distribution,
        version=plan.version,
        pep440=plan.pep440,
        tag=plan.tag,
        commit=ctx.release_commit,
        bump=plan.bump,
        notes=plan.notes,
        indexes=plan.indexes,
        files=tuple(AnnouncedFile(filename=a.filename, sha256=a.sha256, size=a.size) for a in ctx.journal.artifacts()),
    )


def _targets(ctx: Context, news: Announcement) -> Iterator[Target]:
    """Yield the targets. A name without an entry is one that fails, by itself."""
    if ctx.project.forge:
        yield f"forge:{ctx.project.forge}", partial(_page, ctx, ctx.project.forge, news)
    for hook in ctx.plan.webhooks:
        yield f"webhook:{hook}", partial(ctx.notifier.announce, hook, news, key=_key(news, hook))
    for mail in ctx.project.mail:
        for to in ctx.mailer.recipients(mail):
            yield f"mail:{mail}/{to}", partial(ctx.mailer.send, mail, to, news, key=_key(news, mail, to))
    seen = Counter[str]()
    for deploy in ctx.project.deploy:
        seen[deploy.host] += 1
        name = f"deploy:{deploy.host}" + (f"/{seen[deploy.host]}" if seen[deploy.host] > 1 else "")
        yield name, partial(_deploy, ctx, name, deploy, news)


def _key(news: Announcement, *target: str) -> str:
    return "-".join((news.project, news.version, *target))


def _tell(ctx: Context, name: str, tell: Callable[[], Evidence]) -> None:
    ctx.journal.fence()
    try:
        evidence = tell()
    except _ENDS_THE_ATTEMPT:
        raise
    except ReleasdError as error:
        _not_told(ctx, name, error)
        return
    except Exception as error:  # noqa: BLE001 (a defect must be seen, and must neither fail the release nor silence others)
        words = f"a defect in releasd: {type(error).__name__}: {error}"
        _not_told(ctx, name, Permanent(words, advice="Please report it."))
        return
    ctx.fault("announce.delivered")
    ctx.journal.announced(name, evidence)
    ctx.fault("announce.noted")


def _not_told(ctx: Context, name: str, error: ReleasdError) -> None:
    ctx.say("announce", f"{name}: {error.message}")
    ctx.journal.announce_failed(name, error)


def _verdict(ctx: Context, targets: tuple[str, ...]) -> Evidence:
    """Return the evidence where all were told. Raises `Transient` while one may still be, else `Permanent`."""
    records = ctx.journal.announcements()
    failed = [records[name] for name in targets if records[name].state is not StepState.SUCCEEDED]
    if not failed:
        return {"told": {name: records[name].evidence for name in targets}}
    message = "not everyone was told: " + "; ".join(f"{each.target} ({each.error})" for each in failed)
    if any(each.retryable for each in failed):
        raise Transient(message, advice=_advice(failed), retry_after=_wait(ctx, failed))
    raise Permanent(message, advice=_advice(failed))


def _advice(failed: list[TargetRecord]) -> str:
    return " ".join(dict.fromkeys(each.advice for each in failed if each.advice))


def _wait(ctx: Context, failed: list[TargetRecord]) -> float:
    """Return the seconds until the first of them is due again."""
    due = min(each.retry_at for each in failed if each.retry_at is not None)
    return max((due - ctx.clock.now()).total_seconds(), 0.0)


def _page(ctx: Context, name: str, news: Announcement) -> Evidence:
    if name not in ctx.forges:
        raise ConfigError(f"no forge is called {name!r}", advice=f"Add [forges.{name}], or do not name it.")
    kept = ((each.filename, ctx.artifacts.path(each)) for each in attest.attachments(ctx))
    return forge.complete(ctx, ctx.forges[name], news, kept)


def _deploy(ctx: Context, name: str, deploy: Deploy, news: Announcement) -> Evidence:
    """Run a deploy script on its host. It may run twice where the daemon died in between."""
    host = next((host for host in ctx.hosts.able(()) if host.spec.name == deploy.host), None)
    if host is None:
        raise ConfigError(f"no host is called {deploy.host!r}", advice=f"Add [hosts.{deploy.host}], or do not name it.")
    variables: Mapping[str, str] = announcing.variables(news)
    part = name.replace(":", "-").replace("/", "-")
    task = Task(
        id=ctx.task_id(part),
        script=deploy.run,
        dest=ctx.scratch,
        env=variables,
        timeout=deploy.timeout,
    )
    result = host.run(task, ctx.sink(part), ctx.should_stop)
    if result.exit_status != 0:
        ended = f"was ended ({result.why})" if result.why else f"ended with {result.exit_status}"
        raise Transient(
            f"the deploy script on {deploy.host} {ended}", advice=f"releasd log {ctx.job.id} --step announce"
        )
    return {"host": deploy.host, **result.evidence}
