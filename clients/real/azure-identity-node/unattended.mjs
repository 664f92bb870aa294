// A program without a person: it gets one token with @azure/identity, and prints what the token says, or the error.
//
//   node unattended.mjs CREDENTIAL [NAME=VALUE ...]
//
// The settings of the credentials are those of the library; `resource` is the API. With timeout=SECONDS for a command line of a credential. With log=1 the library's log goes to stderr.
import { readFileSync } from "node:fs";
import * as identity from "@azure/identity";
import { setLogLevel } from "@azure/logger";

const [name, ...words] = process.argv.slice(2);
const settings = Object.fromEntries(words.map((word) => [word.split("=", 1)[0], word.slice(word.indexOf("=") + 1)]));
const set = (setting, variable) => settings[setting] ?? process.env[variable];
const commandLine = settings.timeout ? { processTimeoutInMs: 1000 * Number(settings.timeout) } : {};
const managed = () => {
  if (settings.object_id) return { objectId: settings.object_id };
  if (settings.resource_id) return { resourceId: settings.resource_id };
  return settings.client_id ? { clientId: settings.client_id } : {};
};

const credentials = {
  "managed-identity": () => new identity.ManagedIdentityCredential(managed()),
  "workload-identity": () => new identity.WorkloadIdentityCredential(),
  environment: () => new identity.EnvironmentCredential(),
  default: () => new identity.DefaultAzureCredential(commandLine),
  cli: () => new identity.AzureCliCredential({ tenantId: settings.tenant_id, ...commandLine }),
  "developer-cli": () => new identity.AzureDeveloperCliCredential(),
  powershell: () => new identity.AzurePowerShellCredential(),
  pipelines: () =>
    new identity.AzurePipelinesCredential(
      set("tenant_id", "AZURESUBSCRIPTION_TENANT_ID"),
      set("client_id", "AZURESUBSCRIPTION_CLIENT_ID"),
      set("connection", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"),
      set("token", "SYSTEM_ACCESSTOKEN"),
    ),
  secret: () => new identity.ClientSecretCredential(settings.tenant_id, settings.client_id, settings.secret),
  certificate: () =>
    new identity.ClientCertificateCredential(
      settings.tenant_id,
      settings.client_id,
      { certificatePath: settings.path, certificatePassword: settings.password },
      { sendCertificateChain: settings.send_chain === "1" },
    ),
  assertion: () =>
    new identity.ClientAssertionCredential(settings.tenant_id, settings.client_id, async () =>
      readFileSync(settings.file, "utf8"),
    ),
  chained: () => new identity.ChainedTokenCredential(...settings.of.split(",").map((each) => credentials[each]())),
};

if (!credentials[name]) {
  console.error(`usage: node unattended.mjs ${Object.keys(credentials).join(" | ")} [NAME=VALUE ...]`);
  process.exit(2);
}
if (settings.log) setLogLevel("info");
const began = performance.now();
let result;
try {
  const credential = credentials[name]();
  const { token } = await credential.getToken(`${settings.resource ?? "https://management.azure.com"}/.default`);
  result = { claims: JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString()) };
} catch (error) {
  // A chain says only that its members failed; each one's error is in `errors`.
  const texts = [error.message, ...(error.errors ?? []).map((each) => `${each.name}: ${each.message}`)];
  result = { error: error.name, text: texts.join(" ").replace(/\s+/g, " ") };
}
console.log(JSON.stringify({ ...result, seconds: (performance.now() - began) / 1000 }));
process.exit("claims" in result ? 0 : 1);
