// One GET at the autologon host with fetch and kerberos, which has the ticket that a 401 with Negotiate asks for.
import kerberos from "kerberos";

const host = "autologon.microsoftazuread-sso.com";
const domain = process.env.SSOSIM_USER.split("@")[1];
const url = `https://${host}/${domain}/winauth/sso`;

try {
  let response = await fetch(url);
  const offered = response.headers.get("www-authenticate") ?? "";
  if (response.status === 401 && /^negotiate\b/i.test(offered)) {
    await response.arrayBuffer();
    const client = await kerberos.initializeClient(`HTTP@${host}`, { mechOID: kerberos.GSS_MECH_OID_SPNEGO });
    const token = await client.step("");
    response = await fetch(url, { headers: { Authorization: `Negotiate ${token}` } });
  }
  if (response.status !== 200) {
    throw new Error(`${url} answered ${response.status}`);
  }
  console.log(`signed in as ${process.env.SSOSIM_USER}`);
} catch (error) {
  console.error(`${error.name}: ${error.message.replace(/\s+/g, " ")} ${error.cause?.code ?? ""}`.trimEnd());
  process.exit(1);
}
