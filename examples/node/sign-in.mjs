// The program under test: it signs in with a password, tries again when the cloud is unwell, and then asks the person.
import { setTimeout as sleep } from "node:timers/promises";

const cloud = "https://login.microsoftonline.com/organizations/oauth2/v2.0";
const app = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const scope = "https://graph.microsoft.com/.default";
const tries = 3;
const pause = 200; // ms
const person = 30_000; // ms that a person may take

async function signIn() {
  const { SSOSIM_USER: username, SSOSIM_PASSWORD: password } = process.env;
  for (let attempt = 1; attempt <= tries; attempt++) {
    const { status, said } = await post("/token", { grant_type: "password", username, password });
    if (said.access_token) return "silently";
    if (status && status < 500) throw new Error(`the cloud says ${status} ${said.error}`); // another try would lock the account
    if (attempt < tries) await sleep(pause);
  }
  await askThePerson();
  return "by device code";
}

async function askThePerson() {
  const { status, said: code } = await post("/devicecode", {});
  if (!code.device_code) throw new Error(`no device code: the cloud says ${status} ${code.error}`);
  console.log(code.message);
  for (const end = Date.now() + person; Date.now() < end; await sleep(pause)) {
    const { status, said } = await post("/token", { grant_type: "device_code", device_code: code.device_code });
    if (said.access_token) return;
    if (status && said.error !== "authorization_pending") throw new Error(`the cloud says ${said.error}`);
  }
  throw new Error(`nobody typed the code in ${person / 1000} s`);
}

/** What the cloud says; status 0 where it cannot be reached. */
async function post(path, form) {
  const body = new URLSearchParams({ client_id: app, scope, ...form });
  try {
    const answer = await fetch(cloud + path, { method: "POST", body });
    return { status: answer.status, said: await answer.json().catch(() => ({})) };
  } catch (error) {
    return { status: 0, said: { error: String(error.cause ?? error) } };
  }
}

try {
  console.log(`signed in ${await signIn()}`);
} catch (error) {
  console.error(`sign-in failed: ${error.message}`);
  process.exitCode = 1;
}
