# ruff: noqa: E501, RUF001 - lists of odd texts, which are read as lists, and whose odd letters are the point
"""Seeded makers of hostile and everyday cases: messages, histories, rules and configurations.

Everything is drawn from one `random.Random`, so that a seed names a case for good.
"""

from random import Random
from typing import Any

from releasd.core.semrel.gitlog import subject_of
from releasd.core.semrel.jstext import trim

TYPES = (
    "feat",
    "fix",
    "perf",
    "docs",
    "chore",
    "refactor",
    "revert",
    "FEAT",
    "FIX",
    "Feat",
    "feature",
    "",
    "a_b",
    "été",
)
SCOPES = (
    "",
    "(api)",
    "(a(b))",
    "(a)(b)",
    "()",
    "(*)",
    "(api/v2)",
    "(.hidden)",
    "(a b)",
    "(ä)",
    "(😀)",
    "(\u2028)",
    "x(y)",
)
MARKS = (": ", ": ", ": ", ":", "!: ", "!: ", " : ", ":  ", "! : ")
SUBJECTS = (
    "add x", "", "x", "fixes #1", "closes gh-12, o/r#3", "(#12)", "see #1 #2", "[skip release] y", "y [Release  Skip]", "@user did",
    "x: y", "\u00a0", "ends\u2028here", "a\rb", "😀 #7", "BREAKING CHANGE: no", "#1 fix", "prefix #4;",
    "https://x.org/a#5 fix #6", "fixed o/r/s#9) and .x-y/z#w",
)  # fmt: skip
KEYWORDS = (
    "BREAKING CHANGE",
    "BREAKING-CHANGE",
    "breaking change",
    "Breaking Change",
    "BREAKING CHANGES",
    "BREAKING",
    "BREAKİNG CHANGE",
)
BEFORE = ("", "", "", " ", "* ", "- ", "| ", "**", "## ", "\t", "\u3000*", "x ")
AFTER = (": x", ":", "", " ", ": #1 is closed", ":x", " #12", ": a\rb", "** : y", ":\u2028z", "\u00a0q", ": fixes #3")
LINES = (
    "", "", "text", "more text #5", "---", "-----", "--", "-type-", "-scope-", "-header-", "-body-", "-footer-", "-merge-", "-x-", "-hash-",
    "- item", "gpg: signature", "  gpg: x", " gpg:", "# comment", "; comment", "Closes #1, #2", "fixes o/r#12 and resolves #3", "closes  ",
    "Signed-off-by: A <a@b.c>", "* feat: squashed", "@dev-1 and @x_y", "Refs: GH-9", "http://x.org/#1", "\u2028#4", "a\r#8", "\r", " ",
    "😀 closes #😀", "closed#3 closed #4", "#", "##1", "#-", "#a;#b,#c)#d]#e.", "\u00a0#3\u00a0", "fix fix #1 fix #1", "feat", "Release-As: 3.0.0",
    "# ------------------------ >8 ------------------------", "-revert-", "-subject-", "-é-",
    "==FIELD==", "RESOLVES #1 Fixes #2", "x/y#1 a/b/c#2 /d#3 e/#4", "closes: #1", "ſ closes #2", "clo\u017fes #3", "\ufeff#1",
)  # fmt: skip
BREAKERS = ("-notes-", "-references-", "-mentions-", "---", "-----")  # npm's parser fails on some messages with these
ENDS = ("\n", "\n", "\n", "\r\n")
HASHES = tuple(f"{number:040x}" for number in (0xA1, 0xB2, 0xC3, 0xD4))


def header(random: Random) -> str:
    if random.random() < 0.1:
        return random.choice(
            ("Merge branch 'x' into y", "unconventional", "🎉 party", " feat: x", "feat (x): y", "fix-up: x", "feat(a: b", "Merge pull request #1 from a/b",
             "feat!(x): a", "gpg: x", "--", "-type-", "# x", "BREAKING CHANGE: x", "feat: a\u2029b"),
        )  # fmt: skip
    return "".join(random.choice(part) for part in (TYPES, SCOPES, MARKS, SUBJECTS))


def line(random: Random) -> str:
    if random.random() < 0.3:
        return "".join(random.choice(part) for part in (BEFORE, KEYWORDS, AFTER))
    return random.choice(BREAKERS if random.random() < 0.02 else LINES)


def revert(random: Random, of: str, name: str) -> str:
    start = random.choice(
        (
            'Revert "{}"',
            'Revert "{}"',
            'Revert "{}"',
            "revert: {}",
            "Revert {}",
            'Reapply "{}"',
            'Revert "{}" (#3)',
            'revert "{}"',
        )
    )
    short = name[: random.choice((40, 40, 40, 40, 7, 6, 12))]
    tail = random.choice((".", ".", ".", "", ", reversing", " .", "_", "\n\nBREAKING CHANGE: y"))
    gap = random.choice(("\n\n", "\n\n", "\n\n", "\n", " ", "\n\nbecause\n\n", "\r\n\r\n", "\u3000"))
    said = random.choice(("This reverts commit", "This reverts commit", "this reverts commit", "This reverts  commit"))
    return f"{start.format(of)}{gap}{said} {short}{tail}"


def message(random: Random) -> str:
    if random.random() < 0.1:
        return revert(random, header(random), random.choice(HASHES))
    parts = [header(random)]
    for _ in range(random.choice((0, 0, 1, 2, 3, 4, 6, 9))):
        parts += [random.choice(ENDS), line(random)]
    lead, tail = (random.choice(("", "", "", "\n", " ", "\r\n\n")) for _ in range(2))
    return lead + "".join(parts) + tail


def parser_opts(random: Random) -> dict[str, Any]:
    """Return the options of a project that has some of its own: mostly none."""
    options: dict[str, Any] = {}
    if random.random() < 0.7:
        return options
    for key, values in PARSER_OPTS.items():
        if random.random() < 0.25:
            options[key] = random.choice(values)
    return options


PARSER_OPTS: dict[str, tuple[Any, ...]] = {
    "noteKeywords": (["BREAKING CHANGE", "BREAKING CHANGES", "BREAKING"], ["Breaking", "été"], [], ["*x", " "], None, ["SECURITY", "ß", "σ"]),
    "issuePrefixes": (["#", "gh-"], ["GH-"], ["a#", "#"], [], None, [""], ["JIRA-", "##"], ["é"], ["#", "##"]),
    "issuePrefixesCaseSensitive": (True, False),
    "referenceActions": (["closes"], [], None, ["Fixes", "ends", "été"], ["close", "closes"]),
    "commentChar": ("#", ";", None, "--"),
    "fieldPattern": (None, r"^-(.*?)-$", r"^@(\w+)$", "^===", r"^(?<x>x)"),
    "headerPattern": (
        None, r"^(\w*)(?:\((.*)\))?!?: (.*)$", r"^(?<type>\w+)(?:\((?<scope>[^)]+)\))?: (?<subject>.+)", r"(\w+)-(\w+)?", r"^(.)(.)?", "(a|ab)(c|bcd)?(d*)",
        r"^:(\w+): (?:\[(.*?)\] )?(.*)$", r"^(\w*)(?:\(([\w$.\-*/ ]*)\))?: (.*)$", r"((a)|(x))+", r"[^\w\s]+\s?(.*)", r"^(?!feat)(\w+)", r"\b(\w+?)\b.*?(\d{1,2})?",
    ),
    "breakingHeaderPattern": (None, r"^(\w*)(?:\((.*)\))?!: (.*)$", r"^(\w+)!"),
    "headerCorrespondence": (["type", "scope", "subject"], ["emoji", "type", "subject"], ["type", "subject"], None, ["type", "body"], ["type", "footer", "header", "x"]),
    "revertPattern": (None, r"^Revert\s\"([\s\S]*)\"\s*This reverts commit (\w*)\.", r"^[Rr]evert:? ([^\n]*)(?:\s|\S)*?commit (\w{7,40})", r"^revert (?<hash>\w+)"),
    "revertCorrespondence": (["header", "hash"], ["hash"], ["type", "scope"], [], None, ["hash", "header", "none"]),
    "mergePattern": (r"^Merge pull request #(\d+) from (.*)$", r"^Merge branch '(\w+)'", r"^(?<source>\w+)"),
    "mergeCorrespondence": (["id", "source"], ["source"], None, ["header"]),
}  # fmt: skip


GLOBS = (
    "feat", "*", "fe*", "**", "?ix", "{feat,fix}", "!(feat)", "!feat", "[fp]*", "@(fix|perf)", "+(f|i|x)", "a*", "api/*", "**/v2", "*(a)", ".*", "FE*",
    "(feat)", "a(b)", "", "é*", "{a..c}", "*\u2028", "add*", "*x*", "!(a|b)*", "?", "feat*!(x)", "#1", "\\*", "[[:alpha:]]*", "*.*", "f+(e)at",
)  # fmt: skip
RELEASES = ("major", "minor", "patch", "patch", False, None, "minor", "prerelease", "premajor", "preminor", "prepatch")
NESTED: tuple[dict[str, Any], ...] = (
    {"author": {"name": "B*"}}, {"author": {"name": "Bot", "email": "*@x.org"}}, {"author": {"missing": None}}, {"author": {}}, {"author": "Bot"},
    {"notes": [{"title": "BREAKING*"}]}, {"notes": []}, {"references": [{"issue": "1"}]}, {"references": [{"action": None}, {"issue": "[0-9]"}]},
    {"revert": {"hash": "0*"}}, {"mentions": ["dev*"]}, {"mentions": ["x_y", "dev-1"]}, {"merge": None}, {"scope": None}, {"type": None}, {"notes": {}},
    {"missing": None}, {"type": 1}, {"scope": True}, {"type": ["feat"]}, {"references": [None]}, {"hash": "000*"}, {"footer": "*"}, {"revert": None},
    {"emoji": ":bug:"}, {"references": [{"repository": "r"}, {"repository": None}]}, {"x": "*"}, {"message": "feat*"},
    {"subject": "*unconventional*"}, {"subject": "Merge*"}, {"subject": "*x*"}, {"subject": "!(a)*"}, {"subject": None},
)  # fmt: skip


def rules(random: Random) -> list[dict[str, Any]] | None:
    """Return `releaseRules`, or None for a project without."""
    if random.random() < 0.25:
        return None
    return [rule(random) for _ in range(random.choice((0, 1, 1, 2, 3, 5)))]


def rule(random: Random) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, chance in (("type", 0.5), ("scope", 0.25), ("subject", 0.1), ("header", 0.05), ("body", 0.05)):
        if random.random() < chance:
            made[key] = random.choice(GLOBS[:-1] if random.random() < 0.9 else TYPES)
    for key in ("breaking", "revert"):
        if random.random() < 0.15:
            made[key] = random.choice((True, True, False, "yes", 0, None))
    if random.random() < 0.2:
        made |= random.choice(NESTED)
    made["release"] = random.choice(RELEASES)
    return {key: value for key, value in made.items() if value != "" or key == "release"}


def history(random: Random) -> list[dict[str, Any]]:
    """Return commits, newest first, as semantic-release's core gives them to the analyzer."""
    commits: list[dict[str, Any]] = []
    for number in range(random.choice((1, 1, 2, 3, 4, 6))):
        name = f"{random.randrange(1, 9):x}{number:039x}"
        text = message(random)
        if commits and random.random() < 0.35:
            of = random.choice(commits)
            text = revert(random, of["message"].split("\n")[0].strip(), of["hash"])
        author = random.choice(({"name": "Bot", "email": "bot@x.org"}, {"name": "Ann B", "email": "a@b.c"}))
        text = trim(text)
        commits.insert(0, {"hash": name, "message": text, "subject": subject_of(text), "author": author})
    return commits


def analysis(random: Random) -> dict[str, Any]:
    """Return a case for the analyzer: its configuration and a range."""
    config: dict[str, Any] = {
        "preset": random.choice(("angular", "conventionalcommits")),
        "parserOpts": parser_opts(random),
    }
    own = rules(random)
    if own is not None:
        config["releaseRules"] = own
    return {"kind": "analyze", "config": config, "commits": history(random)}


VERSIONS = (
    "0.1.0", "0.2.0", "1.0.0", "1.0.1", "1.1.0", "1.2.0", "1.2.1", "1.3.0", "2.0.0", "2.1.0", "3.0.0", "1.1.0-beta.1", "1.1.0-beta.2", "1.0.1-beta.1",
    "2.0.0-beta.3", "1.1.0-alpha.1", "2.0.0-alpha.2", "1.1.0-beta", "1.2.0-x.beta.9", "1.3.0-rc.1", "1.2.0+build", "1.2.0-beta.1+b.2",
)  # fmt: skip
ODD_TAGS = (
    "v1.2",
    "v01.2.3",
    "v1.2.3.4",
    "v1.2.3rc1",
    "v1.2.3-beta.01",
    "v2024.01.05",
    "vv5.0.0",
    "x1.0.0",
    "v 9.0.0",
    "v",
    "v9007199254740993.0.0",
)
BRANCHES: tuple[tuple[dict[str, Any], ...], ...] = (
    ({"name": "main"},),
    ({"name": "main"}, {"name": "next"}),
    ({"name": "main"}, {"name": "next", "channel": False}, {"name": "next-major", "channel": "big"}),
    ({"name": "main"}, {"name": "beta", "prerelease": True}),
    ({"name": "main"}, {"name": "beta", "prerelease": True}, {"name": "alpha", "prerelease": "alpha", "channel": "early"}),
    ({"name": "main"}, {"name": "testing", "prerelease": "beta", "channel": False}),
    ({"name": "1.x"}, {"name": "main"}),
    ({"name": "1.1.x"}, {"name": "1.x"}, {"name": "main"}),
    ({"name": "1.1.x"}, {"name": "1.x.x"}, {"name": "2.x"}, {"name": "main"}, {"name": "beta", "prerelease": True}),
    ({"name": "0.x"}, {"name": "0.1.x"}, {"name": "1.X"}, {"name": "main"}),
    ({"name": "old", "range": "1.x"}, {"name": "1.2.x", "channel": "lts"}, {"name": "main"}, {"name": "next"}),
    ({"name": "1.x"}, {"name": "1.x.x"}, {"name": "main"}),
    ({"name": "old", "range": "1.2"}, {"name": "main"}),
    ({"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}),
    ({"name": "main"}, {"name": "be_ta", "prerelease": True}),
)  # fmt: skip


def branching(random: Random) -> dict[str, Any]:
    """Return a case for the core: branches with their tags, the one that releases, and what its commits ask for."""
    branches: list[dict[str, Any]] = []
    common = random.sample(VERSIONS, random.choice((0, 1, 1, 2, 3)))
    for each in random.choice(BRANCHES):
        own = [*common, *random.sample(VERSIONS, random.choice((0, 0, 1, 2, 4)))]
        tags = []
        for version in sorted(set(own)):
            channels = random.choice(
                ([None], [None], [each["name"]], ["early"], [None, each["name"]], [False], ["beta"])
            )
            tags.append({"gitTag": f"v{version}", "version": version, "channels": channels})
        branches.append({**each, "tags": tags})
    name = random.choice(branches)["name"]
    return {"kind": "version", "branches": branches, "name": name, "type": random.choice(("major", "minor", "patch"))}


def parsing(random: Random) -> dict[str, Any]:
    """Return a case for the parser alone, with the options that notes generation puts under the preset's."""
    base = random.choice(({}, {}, {"issuePrefixes": ["#", "gh-"], "referenceActions": ["close", "fix"]}))
    return {
        "kind": "parse",
        "preset": random.choice(("angular", "conventionalcommits")),
        "presetConfig": random.choice(({}, {}, {"issuePrefixes": ["#", "gh-"]})),
        "parserOpts": parser_opts(random),
        "base": base,
        "message": message(random) or "x",
    }


GLOB_PARTS = (
    "a", "b", "c", "api", "core", ".", "/", "-", "1", "é", " ", "*", "*", "*", "**", "?", "!", "(", "|", ")", "[", "]", "{", ",", "}", "[ab]", "[^a]",
    "[a-c]", "[[:alpha:]]", "[!a]", "{a,b}", "{a,{b,c}}", "{1..3}", "{a..c}", "!(a)", "@(a|b)", "?(b)", "*(a|b)", "+(ab)", "!(a|b*)", "!(*.x)", ".x",
    "**/", "/**", "./", "\\*", "\\", "+", "@", "$", "^", '"', '"a"', "..", "'", "#", "😀", "+(a|aa)", "*(*a)", "(a)", "(?:a)", "(?!a)", "(?=b)", "(?<!b)",
    "\\d", "\\w+", "[]", "[a", "a]", "{a","a}", "[:", "+(*(a))", "***", "\u2028", "\\\\", "[[:", "[^/]", "!!", "(?<n>a)", "\0", "*(a)*(b)",
)  # fmt: skip
TEXT_PARTS = (
    "a", "b", "c", "api", "core", ".", "/", "-", "1", " ", "é", "*", "!", "(", ")", "x", "\n", "😀", "\\", "ab", "_", "[", "]", "{", "}", "abc",
)  # fmt: skip


def globbing(random: Random) -> dict[str, Any]:
    """Return a case for micromatch."""
    pattern = "".join(random.choices(GLOB_PARTS, k=random.choice((1, 1, 2, 2, 3, 4, 5, 7))))
    text = "".join(random.choices(TEXT_PARTS, k=random.choice((1, 1, 2, 3, 4, 6))))
    if random.random() < 0.3:
        text = pattern.replace("*", random.choice(("a", "ab", "/", ""))).replace("?", "b").replace("\\", "")
    return {"kind": "glob", "pattern": pattern, "text": text}


ATOMS = (
    "a", "b", "x", "1", " ", ".", r"\w", r"\d", r"\s", r"\S", r"\W", r"\D", "[ab]", "[^a]", "[a-x]", r"[\w-]", "[-a]", r"[\d-x]", "[^]", "[]", "é",
    r"\b", r"\B", "^", "$", "😀", "[😀]", r"\-", r"\.", r"\x61", r"\u0061", r"\0", r"\cA", r"\c", r"[\c1]", r"\n", "}", "]", r"\8", r"\101", r"\k",
    r"[\b]", r"\/", "-", "[b-]", "(?=a)", "(?!b)", "(?<=a)", "(?<!b)", r"\u{61}", r"\xz",
)  # fmt: skip
COUNTS = ("", "", "", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{1,2}?", "{,2}", "{x", "{0}")
OPENINGS = ("(", "(", "(?:", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?<n{}>")


def expression(random: Random, depth: int) -> str:
    """Return a JavaScript regular expression; some are wrong."""
    made = ""
    for _ in range(random.choice((1, 1, 2, 2, 3))):
        if depth and random.random() < 0.35:
            made += random.choice(OPENINGS).format(random.randrange(9999)) + expression(random, depth - 1) + ")"
        else:
            made += random.choice(ATOMS)
        made += random.choice(COUNTS)
    return f"{made}|{expression(random, depth - 1)}" if depth and random.random() < 0.2 else made


def matching(random: Random) -> dict[str, Any]:
    """Return a case for a regular expression."""
    text = "".join(random.choices("abx1 \né\u2028-😀.A_", k=random.choice((0, 1, 2, 3, 5, 8, 12))))
    return {"kind": "regex", "source": expression(random, random.choice((1, 2, 3))), "text": text}


def cleaning(random: Random) -> dict[str, Any]:
    """Return a case for what a tag's text is as a version."""
    lead = random.choice(("", "", "v", "=", "vv", "=v ", " ", "x", "V"))
    core = ".".join(
        random.choice(("0", "1", "02", "10", "9007199254740991", "9007199254740992", "x"))
        for _ in range(random.choice((2, 3, 3, 3, 3, 4)))
    )
    tail = random.choice(
        ("", "", "-beta.1", "-beta.01", "-0a", "rc1", "+build", "+b.01", "-", "-a..b", " ", "\n", "-ä")
    )
    return {"kind": "clean", "text": lead + core + tail}
