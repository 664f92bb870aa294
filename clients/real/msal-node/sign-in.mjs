// One sign-in with MSAL for Node: a public client application, one call, one line of output.
//
//   node sign-in.mjs username-password | interactive | device-code
//
// AZURE_AUTHORITY_HOST and SCOPE are those of a national cloud.
import { spawn } from "node:child_process";
import { PublicClientApplication } from "@azure/msal-node";

const userLimit = 60; // time limit for the user in seconds; the silent flow has the limits of the library
const scopes = [process.env.SCOPE || "https://graph.microsoft.com/.default"];
const host = (process.env.AZURE_AUTHORITY_HOST || "https://login.microsoftonline.com").replace(/\/$/, "");

const application = new PublicClientApplication({
  auth: {
    clientId: "04b07795-8ddb-461a-bbee-02f9e1bf7b46", // Azure CLI
    authority: `${host}/organizations`,
  },
});

const flows = {
  "username-password": () =>
    application.acquireTokenByUsernamePassword({
      scopes,
      username: process.env.SSOSIM_USER,
      password: process.env.SSOSIM_PASSWORD,
    }),
  interactive: () => limitTime(userLimit, application.acquireTokenInteractive({ scopes, openBrowser })),
  "device-code": () =>
    application.acquireTokenByDeviceCode({
      scopes,
      timeout: userLimit,
      deviceCodeCallback: ({ message }) => console.log(message),
    }),
};

async function openBrowser(url) {
  spawn(process.env.BROWSER || "xdg-open", [url], { stdio: "ignore" }).unref();
}

// The interactive flow has no time limit: it would wait for the redirect for ever.
function limitTime(seconds, answer) {
  const late = new Promise((_, refuse) => {
    setTimeout(() => refuse(new Error(`nobody signed in within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([answer, late]);
}

const name = process.argv[2];
const flow = flows[name];
if (!flow) {
  console.error(`usage: node sign-in.mjs ${Object.keys(flows).join(" | ")} (not ${name})`);
  process.exit(2);
}
try {
  const { account } = await flow();
  console.log(`signed in as ${account.username}`);
  process.exit(0);
} catch (error) {
  console.error(`${error.name}: ${error.message.replace(/\s+/g, " ")}`);
  process.exit(1);
}
