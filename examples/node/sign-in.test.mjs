import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Lab } from "./lab.mjs";

const program = [process.execPath, fileURLToPath(new URL("sign-in.mjs", import.meta.url))];
let lab;

before(async () => (lab = await Lab.start("example-node")));
after(() => lab?.stop());

/** Lets the first so many requests of one program to the token endpoint fail with 503, until the test ends. */
async function unwell(t, label, first) {
  await lab.break({
    fault: "http-status",
    status: 503,
    code: 90033,
    host: "login.microsoftonline.com",
    path: "/token",
    clients: [label],
    first,
  });
  t.after(() => lab.mend());
}

/** What the token endpoint answered to a program, in order. */
async function statuses(label) {
  const events = await lab.events({ client: label, kind: "HttpExchange", text: "/token" });
  return events.map(({ status }) => status);
}

test("it tries again while the cloud is unwell", async (t) => {
  await unwell(t, "tries-again", 2);
  const { code, printed } = await lab.run("tries-again", ...program);
  assert.equal(code, 0, printed);
  assert.match(printed, /signed in silently/);
  assert.deepEqual(await statuses("tries-again"), [503, 503, 200]);
  assert.equal((await lab.verdict("tries-again")).outcome, "silent");
});

test("after three tries it falls back to the person", async (t) => {
  await unwell(t, "falls-back", 3);
  const running = lab.run("falls-back", ...program);
  const asked = await lab.wait({ client: "falls-back", kind: "UserPrompted", timeout_s: 20 });
  assert.ok(asked, "nobody was asked");
  const { code, printed } = await running;
  assert.equal(code, 0, printed);
  assert.equal((await lab.verdict("falls-back")).outcome, "interactive");
});

test("it does not try a wrong password again", async () => {
  const { code, printed } = await lab.run("wrong-password", "env", "SSOSIM_PASSWORD=wrong", ...program);
  assert.equal(code, 1);
  assert.match(printed, /400 invalid_grant/);
  assert.equal((await statuses("wrong-password")).length, 1);
  assert.equal((await lab.verdict("wrong-password")).outcome, "refused");
});
