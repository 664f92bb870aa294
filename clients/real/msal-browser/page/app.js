// A single-page application: it signs in as the page's address says, and leaves the result in window.answer.
//   /?flow=redirect | popup | silent-frame & user=alice@contoso.com
const scopes = ["User.Read"];
const asked = new URLSearchParams(location.search);
const flow = asked.get("flow") ?? sessionStorage.getItem("flow");
const loginHint = asked.get("user") ?? sessionStorage.getItem("user");
sessionStorage.setItem("flow", flow);
sessionStorage.setItem("user", loginHint);

const application = new msal.PublicClientApplication({
  auth: {
    clientId: "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b04", // Contoso orders in the browser
    authority: "https://login.microsoftonline.com/contoso.onmicrosoft.com",
    redirectUri: `${location.origin}/redirect.html`,
  },
});

const finish = (result) => {
  window.answer = { user: result.account.username };
};
const fail = (error) => {
  window.answer = { error: `${error.name}: ${error.message}` };
};

window.openPopup = () => {
  application.loginPopup({ scopes, loginHint }).then(finish, fail);
  return true;
};

async function start() {
  await application.initialize();
  const redirected = await application.handleRedirectPromise();
  if (redirected && flow === "silent-frame") {
    finish(await application.ssoSilent({ scopes, loginHint }));
  } else if (redirected) {
    finish(redirected);
  } else if (flow === "popup") {
    window.ready = true; // a browser opens a popup only after the user has done something
  } else {
    await application.loginRedirect({ scopes, loginHint, redirectUri: `${location.origin}/` });
  }
}

start().catch(fail);
