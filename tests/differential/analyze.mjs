// Answers cases, one JSON document a line, with what the real npm packages say. It is copied next to node_modules and
// run there. A case is {kind, …}; an answer is {ok: value} or {error: message}, in the same order.
import { createInterface } from "node:readline";
import createAngular from "conventional-changelog-angular";
import createConventional from "conventional-changelog-conventionalcommits";
import { CommitParser } from "conventional-commits-parser";
import { analyzeCommits } from "@semantic-release/commit-analyzer";
import micromatch from "micromatch";
import semver from "semver";
import * as normalize from "./node_modules/semantic-release/lib/branches/normalize.js";
import * as definitions from "./node_modules/semantic-release/lib/definitions/branches.js";
import plugins from "./node_modules/semantic-release/lib/definitions/plugins.js";
import getLastRelease from "./node_modules/semantic-release/lib/get-last-release.js";
import getNextVersion from "./node_modules/semantic-release/lib/get-next-version.js";

const silent = { log() {}, error() {}, warn() {}, success() {} };
const presets = { angular: createAngular, conventionalcommits: createConventional };

const kinds = {
  parse({ preset, presetConfig, parserOpts, base, message }) {
    const loaded = presets[preset](presetConfig);
    return new CommitParser({ ...base, ...loaded.parser, ...parserOpts }).parse(message);
  },

  async analyze({ config, commits }) {
    const { preprocess } = plugins.analyzeCommits;
    const context = preprocess({ commits, cwd: process.cwd(), logger: silent });
    return analyzeCommits(config, context);
  },

  glob: ({ pattern, text }) => micromatch.isMatch(text, pattern),

  regex({ source, text }) {
    const found = text.match(source);
    return found && { text: found[0], groups: [...found].slice(1).map((each) => each ?? null), named: found.groups ?? null };
  },

  clean: ({ text }) => semver.valid(semver.clean(text)),

  // `branches` have their tags already: what the core makes of them before and after the analysis.
  version({ branches, name, type }) {
    const kind = (each) => Object.keys(definitions).find((key) => definitions[key].filter(each));
    const problems = branches.filter((each) => definitions[kind(each)].branchValidator?.(each) === false);
    if (problems.length > 0) throw new Error(`EBRANCH ${problems.map((each) => each.name)}`);
    const byType = { maintenance: [], release: [], prerelease: [] };
    for (const each of branches) byType[kind(each)].push(each);
    const normal = Object.entries(normalize).flatMap(([key, make]) => {
      const made = make(byType);
      if (!definitions[key].branchesValidator(made)) throw new Error(`EBRANCHES ${key}`);
      return made;
    });
    const branch = normal.find((each) => each.name === name);
    const lastRelease = getLastRelease({ branch, options: { tagFormat: "v${version}" } });
    const nextRelease = { type, channel: branch.channel || null };
    const version = getNextVersion({ branch, nextRelease, lastRelease, logger: silent });
    const valid = branch.type === "prerelease" || semver.satisfies(version, branch.range);
    const { type: kindOf, range = null, channel = null } = branch;
    return { kind: kindOf, range, channel, last: lastRelease.gitTag ?? null, version, valid };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { kind, ...input } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await kinds[kind](input)) ?? null };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
