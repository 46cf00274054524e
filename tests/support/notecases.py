# ruff: noqa: E501, RUF001 - tables of cases are read as tables, and their letters are meant
"""Seeded makers of cases for the notes: ranges of commits, presets with their configuration, hosts and releases."""

import datetime as dt
from random import Random
from typing import Any

from releasd.core.semrel.gitlog import subject_of
from releasd.core.semrel.notes import NextRelease, render
from releasd.model import Commit, LastRelease, NotesOptions
from support import semrelcases as messages

Case = dict[str, Any]

URLS = (
    "https://github.com/owner/repo", "https://github.com/owner/repo.git", "git@github.com:owner/repo.git", "github.com:owner/repo",
    "ssh://git@github.com:22/owner/repo.git", "git+https://github.com/o/r.git", "git+ssh://git@github.com/o/r", "http://github.com/o/r",
    "https://gitlab.com/group/sub/repo.git", "git@gitlab.com:group/sub/repo.GIT", "https://bitbucket.org/o/r", "git@bitbucket.org:o/r.git",
    "https://user:secret@gitea.example.org:3000/o/r.git", "ssh://git@gitea.example.org:2222/o/r.git", "git@alias:o/r.git", "https://GitHub.com/o/r",
    "ssh://git@GitHub.com/o/r", "https://host.example:443/o/r", "http://host.example:8080/o/r", "https://h.example/only", "https://h.example/",
    "https://h.example", "git@git.sr.ht:~user/repo", "file:///srv/git/repo.git", "git://h.example/o/r.git", "ssh://git@h.example//srv/git/r.git",
    "https://h.example/a/../b/./c d/é{x}", "git@h.example:/srv/r.git", "https://[::1]:8443/o/r", "HTTPS://H.Example/O/R.git", "https://h.example/o/r/",
    "https://h.example/o$&/r$1", "https://bücher.example/o/r", "user@h.example:22/o/r.git", "https://h.example/o/r?x=1#y",
)  # fmt: skip
VERSIONS = ("1.0.0", "1.0.1", "1.2.0", "2.0.0-beta.1", "1.2.3-rc.4", "v1.2.3", "no version", "1.2")
TAGS = ("v1.0.0", "release/1.0", "1.0.0", "pkg@1.2.3", "v$&")
SUBJECTS = (
    "_x", "-d", "#1 x", "* y", "`c` @user", "1", "a", "A", "b", "B", "é", "Z", "zebra", "Äpfel", "äpfel", "文字", "文", "😀 x", "🥰", "ß", "ss", "İ", "ı",
    "@user and @other-one", "`@user` and @b/c", "mail a@b.c", "@a--b @-c @A", "closes #12, o/r#3 and gh-4", "fix #5 (#6)", "@", "``@x", "a`b @c",
    "see o/r#1 and #1", "GH-7 gh-8", "JIRA-12 and jira-13", "#abc #x1", "{{subject}} {{#if}}", "$& $1 $$", "<b>x</b> & *y* [z](w)", "\u202ertl\u202c", "a\u200bb",
    "#1#2", "@user/", "@user's", "(@user)", "é@user", "x #9",
)  # fmt: skip
NOTE = ("BREAKING CHANGE: one line", "BREAKING CHANGE: first\nsecond\n\n* third\n  fourth", "BREAKING-CHANGE: x\n\nRelease-As: 2.0.0", "BREAKING CHANGE:\ntext below #3 x\ny",
        "BREAKING CHANGE: a\nBREAKING CHANGE: b\nfixes #12", "BREAKING CHANGE: {{x}} $& <i>")  # fmt: skip
FOOTERS = ("Closes #1", "fixes o/r#2, #3", "closing #4", "Resolves gh-5 and GH-6", "Release-As: 1.5.0", "release-as: pkg@2.0.0-x.1", "see #7", "Co-authored-by: A <a@b.c>",
           "closes JIRA-9", "fixes other#1 closes x/y/z#2")  # fmt: skip
FIELDS = (
    "-hash-\nabcdef0123456789",
    "-version-\n1.2.3",
    "-scope-\nx",
    "-subject-\nother",
    "-owner-\nsomeone",
    "-repository-\nelse",
    "-title-\nT",
    "-raw-\nx",
)
IGNORED = ("^chore", r"\(api\)|BREAKING", "[Rr]elease-[Aa]s", "x$")
SECTIONS = ("Features", "Fixes", "Chores", "Ünï", "", None, "zzz")
MAINS = (
    "{{> header}}\n\n{{#each commitGroups}}\n  {{#each commits}}\n    {{> commit root=@root}}\n  {{/each}}\n{{/each}}\n{{> footer}}\n",
    "{{!-- a {{comment}} --}}\n{{#each commitGroups}}{{@key}}{{else}}empty{{/each}}",
    "{{! c }}\n# {{version}}\n{{#each commitGroups}}\n{{@index}} {{@key}}{{#if @first}}F{{/if}}{{#unless @last}}\nL\n{{/unless}} {{title}}\n{{#commits}}\n{{> commit}}\n{{/commits}}\n{{else}}\nnone\n{{/each}}\n",
    "{{#if commitGroups}}\nyes\n{{else if noteGroups}}\nnotes\n{{else}}\nno\n{{/if}}\nend {{linkReferences}} {{commitGroups}} {{commitGroups.length}}",
    "  {{~#each commitGroups~}}\n  {{title}}\n {{#each commits}}{{#with ../title}}[{{this}}]{{/with}}{{../../version}}{{lookup this 'hash'}}{{~/each~}}\n {{/each}} x \\{{raw}} {{{version}}} {{&host}}",
    "{{^noteGroups}}none{{/noteGroups}}",
    "{{#noteGroups}}\n{{title}}\n{{#each notes}}\n  {{> indented}}\n{{/each}}\n{{^}}\nnothing\n{{/noteGroups}}\n",
    "{{#each commitGroups}}{{#each commits}}{{#if references}}{{references.0.issue}}{{references.[0].raw}}{{#each references}}{{this.action}}{{else}}-{{/each}}{{/if}}{{#each revert}}{{@key}}={{this}};{{/each}}{{/each}}{{/each}}",
    "{{#if isPatch}}\n\n {{~> header ~}} \n{{else}}{{> header}}{{/if}}\n\n\n{{> footer}}",
)  # fmt: skip
HEADERS = (
    "## {{version}}{{~#if date}} ({{date}}){{/if}}\n",
    "{{#if @root.linkCompare~}}\n  [{{version}}]\n{{~else~}}\n  {{version}}\n{{~/if}}\n",
)
COMMITS = (
    "* {{header}}\n{{#if body}}\n  {{body}}\n{{/if}}\n",
    "{{#each mentions}}\n- {{.}}\n{{/each}}\n{{hash}} {{scope}} {{@root.owner}} {{root.version}}\n",
    "{{message}}\n\n{{footer}} {{raw.type}} {{merge}}",
    "* {{subject}} by {{author.name}} ({{author.email}}, {{commit.short}})\n",
)
FOOTER_PARTIALS = (
    "{{#if noteGroups}}\n{{#each noteGroups}}\n\n### {{title}}\n{{#each notes}}\n* {{commit.hash}} {{text}}\n{{/each}}\n{{/each}}\n{{/if}}\n",
    "bye",
)


def writer_opts(random: Random) -> dict[str, Any]:
    made: dict[str, Any] = {}
    choices: dict[str, tuple[Any, ...]] = {
        "mainTemplate": (*MAINS, ""),
        "headerPartial": (*HEADERS, ""),
        "commitPartial": (*COMMITS, ""),
        "footerPartial": (*FOOTER_PARTIALS, ""),
        "partials": (
            {"indented": "a {{text}}\nb\n"},
            {"indented": "{{> header}}", "header": "H\n", "odd": 1},
            None,
            {},
        ),
        "groupBy": ("type", "scope", "header", "hash", "mentions", "notes", "revert", "nothing", ""),
        "commitsSort": ("header", ["subject", "scope"], ["scope"], "hash", [], "", None, False, ["mentions", "hash"]),
        "commitGroupsSort": ("title", ["title"], [], None, False, "nothing"),
        "noteGroupsSort": ("title", ["title"], None, False, []),
        "notesSort": ("text", "title", ["title", "text"], None, False),
        "ignoreReverted": (True, False, None, 0, "x"),
        "reverse": (True, False, None, 1, []),
        "doFlush": (True, False, None, 0),
    }
    if random.random() < 0.15:
        made["generateOn"] = random.choice(("version", "revert", "scope", "nothing", None, False, 1))
    if random.random() < 0.1:
        made["transform"] = random.choice((None, False, {}, {"type": "x"}, "text"))
    if random.random() < 0.05:
        made["skip"] = None
    for key, values in choices.items():
        if random.random() < 0.25:
            made[key] = random.choice(values)
    return made


def commit(random: Random, commits: list[Case]) -> str:
    kind = random.random()
    if kind < 0.3:
        return messages.message(random)
    if kind < 0.36 and commits:
        target = random.choice(commits)
        return messages.revert(random, target["message"].split("\n")[0], target["hash"])
    head = "".join(
        random.choice(part) for part in (messages.TYPES, messages.SCOPES, (": ", ": ", ": ", "!: "), SUBJECTS)
    )
    parts = [head]
    for maker, chance in ((messages.LINES, 0.3), (NOTE, 0.25), (FOOTERS, 0.35), (FIELDS, 0.02)):
        if random.random() < chance:
            parts.append(random.choice(maker))
    return random.choice(("\n\n", "\n\n", "\n")).join(parts)


def commits_of(random: Random) -> list[Case]:
    """Return commits, oldest first while they are made (a revert names an earlier one), then newest first."""
    made: list[Case] = []
    for _ in range(random.choice((0, 1, 2, 3, 5, 8, 13, 21))):
        text = commit(random, made).strip()
        name = random.choice(messages.HASHES) if random.random() < 0.1 else f"{random.getrandbits(160):040x}"
        author = {"name": random.choice(("Ann", "Bob <b", "Ünï")), "email": "a@b.c"}
        names = {"long": name, "short": name[:7]}
        made.append({"hash": name, "message": text, "subject": subject_of(text), "author": author, "commit": names})
    return made[::-1]


def preset_config(random: Random) -> dict[str, Any]:
    config: dict[str, Any] = {}
    makers = {
        "types": lambda: [type_entry(random) for _ in range(random.randrange(6))],
        "issuePrefixes": lambda: random.choice((["#"], ["#", "gh-"], ["JIRA-", "#"], ["gh-"])),
        "issueUrlFormat": lambda: random.choice(("{{host}}/{{owner}}/{{repository}}/-/issues/{{id}}", "https://i.example/{{prefix}}{{id}}", "{{host}}/x/{{id}}?{{hash}}")),
        "commitUrlFormat": lambda: random.choice(("{{host}}/{{owner}}/{{repository}}/-/commit/{{hash}}", "c/{{shortHash}} {{#if scope}}{{scope}}{{/if}}", " {{~hash~}} ")),
        "compareUrlFormat": lambda: random.choice(("{{host}}/{{owner}}/{{repository}}/-/compare/{{previousTag}}...{{currentTag}}", "x/{{version}}/{{{currentTag}}}", "$&{{date}}")),
        "userUrlFormat": lambda: random.choice(("{{host}}/users/{{user}}", "https://u.example/{{user}}/{{owner}}", "$&{{user}}{{nothing}}")),
        "scope": lambda: random.choice(("api", ["api", "ä"], "")),
        "scopeOnly": lambda: random.random() < 0.5,
        "preMajor": lambda: True,
    }  # fmt: skip
    for key, make in makers.items():
        if random.random() < 0.15:
            config[key] = make()
    return config


def type_entry(random: Random) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": random.choice(("feat", "fix", "chore", "docs", "perf", "revert", "a_b", "feature"))
    }
    section = random.choice(SECTIONS)
    if section is not None:
        entry["section"] = section
    if random.random() < 0.25:
        entry["hidden"] = random.random() < 0.7
    if random.random() < 0.2:
        entry["scope"] = random.choice(("api", "a b"))
    return entry


def config(random: Random) -> dict[str, Any]:
    made: dict[str, Any] = {}
    preset = random.choice((None, "angular", "conventionalcommits", "conventionalcommits"))
    if preset:
        made["preset"] = preset
    if preset == "conventionalcommits" and random.random() < 0.5:
        made["presetConfig"] = preset_config(random)
    if random.random() < 0.1:
        made["presetConfig"] = {**made.get("presetConfig", {}), "ignoreCommits": random.choice(IGNORED)}
    if random.random() < 0.2:
        made["parserOpts"] = messages.parser_opts(random)
    if random.random() < 0.25:
        made["writerOpts"] = writer_opts(random)
    choices: dict[str, tuple[Any, ...]] = {
        "host": ("https://web.example", "http://x.example:1/y"),
        "linkCompare": (True, False),
        "linkReferences": (True, False),
        "commit": ("c", "commits"),
        "issue": ("i", "tickets"),
    }
    for key, values in choices.items():
        if random.random() < 0.06:
            made[key] = random.choice(values)
    return made


def case(random: Random) -> Case:
    last = random.choice((None, *TAGS))
    return {
        "config": config(random),
        "commits": commits_of(random),
        "last": {"gitTag": last} if last else None,
        "next": {"version": random.choice(VERSIONS), "gitTag": random.choice(TAGS)},
        "url": random.choice(URLS),
        "date": f"20{random.randrange(10, 99)}-0{random.randrange(1, 10)}-1{random.randrange(10)}",
    }


def ours(case: Case) -> str:
    """Return releasd's notes for a case."""
    config = case["config"]
    options = NotesOptions(
        preset=config.get("preset", "angular"),
        parser_opts=config.get("parserOpts", {}),
        # without `preset`, npm's generator loads angular and hands nothing on to it
        preset_config=config.get("presetConfig", {}) if "preset" in config else {},
        writer_opts=config.get("writerOpts", {}),
        host=config.get("host"),
        link_compare=config.get("linkCompare"),
        link_references=config.get("linkReferences"),
        commit=config.get("commit"),
        issue=config.get("issue"),
    )
    last = case["last"] and case["last"]["gitTag"]
    return render(
        [
            Commit(id=each["hash"], message=each["message"], author="{name} <{email}>".format_map(each["author"]))
            for each in case["commits"]
        ],
        options=options,
        last=LastRelease(tag=last, version="", commit="") if last else None,
        next=NextRelease(version=case["next"]["version"], tag=case["next"]["gitTag"]),
        repository_url=case["url"],
        date=dt.date.fromisoformat(case["date"]),
    )
