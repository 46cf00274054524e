"""`announce`: everyone is told once, each on its own, and nothing of it ever fails the release."""

from dataclasses import replace

import pytest

from releasd.errors import Cancelled, Conflict, Fenced, HostLost, Permanent, Stopping, Transient
from releasd.model import Deploy, StepState
from releasd.steps import announce
from support.fakehost import FakeHost, Scripted
from support.fakeports import Scene, host_spec


@pytest.fixture
def scene() -> Scene:
    """Return a release of one file and three webhooks."""
    made = Scene(webhooks=("chat", "deploy", "news"))
    made.release_commit()
    made.seal("demo-1.1.0.tar.gz", b"sdist", build="sdist", host="one")
    return made


def everywhere(scene: Scene) -> FakeHost:
    """Register every kind of target; return the host that a deploy script runs on."""
    host = FakeHost(host_spec("desk"), lambda _: scene_script[0])
    scene_script = [Scripted(output=b"upgraded\n")]
    scene.hosts.registered.append(host)
    scene.mailer.lists = {"team": ("a@example.org", "b@example.org")}
    scene.project = replace(
        scene.project, forge="main", mail=("team",), deploy=(Deploy(host="desk", run="uv tool upgrade demo"),)
    )
    return host


def told(scene: Scene) -> list[str]:
    """Return the targets whose record says that they were told."""
    return [name for name, record in scene.journal.told.items() if record.state is StepState.SUCCEEDED]


def test_a_receiver_cannot_be_asked(scene: Scene) -> None:
    """There is nothing to observe: the key makes a repetition harmless."""
    assert announce.observe(scene.context()) is None


def test_everyone_is_told_once_with_a_key_of_their_own(scene: Scene) -> None:
    """Each webhook gets the same news, and a key that depends on release and receiver alone."""
    evidence = announce.apply(scene.context())
    assert evidence == {"told": {f"webhook:{name}": {"status": 204} for name in ("chat", "deploy", "news")}}
    assert [(name, key) for name, _, key in scene.notifier.told] == [
        (name, f"demo-1.1.0-{name}") for name in ("chat", "deploy", "news")
    ]
    assert len({news for _, news, _ in scene.notifier.told}) == 1


def test_every_kind_of_target_in_order(scene: Scene) -> None:
    """The page that others may link to is first, scripts that take long are last."""
    host = everywhere(scene)
    evidence = announce.apply(scene.context())
    assert list(evidence["told"]) == [
        "forge:main", "webhook:chat", "webhook:deploy", "webhook:news", "mail:team/a@example.org",
        "mail:team/b@example.org", "deploy:desk",
    ]  # fmt: skip
    assert evidence["told"]["forge:main"]["url"] == "https://f/releases/7"
    assert [to for to, _, _ in scene.mailer.sent] == ["a@example.org", "b@example.org"]
    (task,) = host.tasks
    assert task.script == "uv tool upgrade demo"
    assert task.env["RELEASD_VERSION"] == "1.1.0"
    assert set(task.env) == {
        f"RELEASD_{word}" for word in ("PROJECT", "DISTRIBUTION", "VERSION", "PEP440", "TAG", "COMMIT")
    }
    assert "upgraded" in scene.output("deploy-desk")


def test_who_was_told_is_not_told_again(scene: Scene) -> None:
    """One receiver fails: the next attempt tells that one alone."""
    everywhere(scene)
    scene.notifier.failures["chat"] = Transient("503")
    with pytest.raises(Transient):
        announce.apply(scene.context())
    before = (len(scene.mailer.sent), list(scene.forges["main"].done))
    scene.notifier.failures.clear()
    scene.clock.sleep(5)
    announce.apply(scene.context())
    assert [name for name, _, _ in scene.notifier.told] == ["deploy", "news", "chat"]
    assert (len(scene.mailer.sent), scene.forges["main"].done) == before


def test_each_is_due_again_on_its_own(scene: Scene) -> None:
    """One asked for an hour: the others are retried before, and the hour is kept."""
    scene.notifier.failures = {"chat": Transient("429", retry_after=3600.0), "news": Transient("503")}
    with pytest.raises(Transient) as first:
        announce.apply(scene.context())
    assert first.value.retry_after == 2.0
    scene.notifier.failures.clear()
    scene.clock.sleep(3)
    with pytest.raises(Transient, match=r"^not everyone was told: webhook:chat \(429\)$") as second:
        announce.apply(scene.context())
    assert second.value.retry_after == 3597.0
    assert [name for name, _, _ in scene.notifier.told] == ["deploy", "news"]


def test_what_is_refused_is_not_repeated(scene: Scene) -> None:
    """A refusal waits for a person, while the others go on."""
    scene.notifier.failures = {"chat": Permanent("404", advice="Check it."), "news": Transient("503")}
    with pytest.raises(Transient):
        announce.apply(scene.context())
    scene.notifier.failures = {}
    scene.clock.sleep(5)
    with pytest.raises(Permanent, match=r"webhook:chat \(404\)") as caught:
        announce.apply(scene.context())
    assert caught.value.advice == "Check it."
    assert [name for name, _, _ in scene.notifier.told] == ["deploy", "news"]


@pytest.mark.parametrize("failure", [Transient("503"), Permanent("404"), Conflict("other"), ValueError("a defect")])
def test_one_failing_receiver_does_not_keep_the_others(scene: Scene, failure: Exception) -> None:
    """The rest is told, and the failure is named, a defect of our own included."""
    scene.notifier.failures["chat"] = failure
    with pytest.raises((Transient, Permanent), match=rf"not everyone was told: webhook:chat \(.*{failure}\)"):
        announce.apply(scene.context())
    assert told(scene) == ["webhook:deploy", "webhook:news"]
    assert f"webhook:chat: {scene.journal.told['webhook:chat'].error}" in scene.output("announce")


def test_all_failures_are_named_together(scene: Scene) -> None:
    """Whoever reads the error sees everyone who did not hear."""
    scene.notifier.failures = {"chat": Transient("503"), "news": Transient("down")}
    with pytest.raises(Transient, match=r"webhook:chat \(503\); webhook:news \(down\)"):
        announce.apply(scene.context())


@pytest.mark.parametrize("error", [HostLost("gone"), Permanent("refused")])
def test_a_deploy_host_that_is_away(scene: Scene, error: Exception) -> None:
    """What may pass is tried again; everybody else was told."""
    everywhere(scene)
    scene.hosts.registered[-1] = FakeHost(host_spec("desk"), lambda _: Scripted(error=error))
    with pytest.raises(type(error).__mro__[1] if isinstance(error, HostLost) else Permanent, match="deploy:desk"):
        announce.apply(scene.context())
    assert len(told(scene)) == 6


def test_a_deploy_script_that_fails_is_tried_again(scene: Scene) -> None:
    """Its machine may be busy, its index may lag: it is the release's business no more."""
    everywhere(scene)
    scene.hosts.registered[-1] = FakeHost(host_spec("desk"), lambda _: Scripted(exit_status=3))
    with pytest.raises(Transient, match=r"deploy:desk \(the deploy script on desk ended with 3\)"):
        announce.apply(scene.context())


def test_two_scripts_on_one_host_are_two_targets(scene: Scene) -> None:
    """Each has a record of its own."""
    host = everywhere(scene)
    scene.project = replace(scene.project, deploy=(Deploy(host="desk", run="one"), Deploy(host="desk", run="two")))
    announce.apply(scene.context())
    assert [name for name in told(scene) if name.startswith("deploy")] == ["deploy:desk", "deploy:desk/2"]
    assert [task.script for task in host.tasks] == ["one", "two"]
    assert len({task.id for task in host.tasks}) == 2


@pytest.mark.parametrize("change", [{"forge": "other"}, {"deploy": (Deploy(host="nowhere", run="x"),)}])
def test_a_name_without_an_entry(scene: Scene, change: dict[str, object]) -> None:
    """It fails by itself, says what to add, and keeps nobody from hearing."""
    scene.project = replace(scene.project, **change)
    with pytest.raises(Permanent) as caught:
        announce.apply(scene.context())
    assert caught.value.advice.startswith("Add [")
    assert len(told(scene)) == 3


def test_a_lost_claim_tells_nobody(scene: Scene) -> None:
    """The fence stands before each delivery."""
    everywhere(scene)
    scene.journal.lost = True
    with pytest.raises(Fenced):
        announce.apply(scene.context())
    assert (scene.notifier.told, scene.forges["main"].done) == ([], [])


def test_a_claim_lost_in_the_middle_ends_it_there(scene: Scene) -> None:
    """After the first delivery the claim is taken over: the others are the new owner's to tell."""
    scene.at_fault = lambda _: setattr(scene.journal, "lost", True)
    with pytest.raises(Fenced):
        announce.apply(scene.context())
    assert [name for name, _, _ in scene.notifier.told] == ["chat"]


@pytest.mark.parametrize("error", [Cancelled("by an operator"), Stopping("restart"), Fenced("taken over")])
def test_the_end_of_an_attempt_is_no_failure_of_a_target(scene: Scene, error: Exception) -> None:
    """The daemon stops during a script: no record says that it failed, so the next attempt runs it."""
    everywhere(scene)
    scene.hosts.registered[-1] = FakeHost(host_spec("desk"), lambda _: Scripted(error=error))
    with pytest.raises(type(error)):
        announce.apply(scene.context())
    assert "deploy:desk" not in scene.journal.told


def test_nobody_to_tell(scene: Scene) -> None:
    """Without targets the step succeeds."""
    scene.plan = replace(scene.plan, webhooks=())
    assert announce.apply(scene.context()) == {"told": {}}
