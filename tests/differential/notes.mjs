// Answers cases, one JSON document a line, with the notes that the real npm packages write. It is copied next to
// node_modules and run there. A case is {config, commits, last, next, url, date}; an answer is {ok: text} or {error}.
// The packages read the day from the clock, which is set for each case.
import { createInterface } from "node:readline";
import Handlebars from "handlebars";
import { generateNotes } from "@semantic-release/release-notes-generator";

const RealDate = Date;
let today = 0;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length > 0 ? args : [today]));
  }
};

const kinds = {
  notes({ config, commits, last, next, url, date }) {
    // The partials of a case stay registered for good, so those of the case before are taken away.
    for (const name of Object.keys(Handlebars.partials)) Handlebars.unregisterPartial(name);
    today = RealDate.parse(`${date}T23:59:59Z`);
    const context = { cwd: "/", commits, lastRelease: last ?? {}, nextRelease: next, options: { repositoryUrl: url } };
    return generateNotes(config, context);
  },

  // The sign of every comparison of a text with those after it.
  collate({ texts }) {
    return texts.flatMap((a, at) => texts.slice(at + 1).map((b) => "<=>"[Math.sign(a.localeCompare(b)) + 1])).join("");
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { kind, ...input } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await kinds[kind](input) };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
