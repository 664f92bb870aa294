package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const management = "https://management.azure.com"

// unattended returns the credential called flow, which is one without a person; ok is false for any other flow. The
// defaults are those of the library. Settings that a host does not give come after the flow: client_id=... and others.
func unattended(flow string, settings map[string]string) (credential azcore.TokenCredential, ok bool, err error) {
	ok = true
	tenantID, clientID := settings["tenant_id"], settings["client_id"]
	switch flow {
	case "managed-identity":
		options := &azidentity.ManagedIdentityCredentialOptions{}
		switch {
		case clientID != "":
			options.ID = azidentity.ClientID(clientID)
		case settings["object_id"] != "":
			options.ID = azidentity.ObjectID(settings["object_id"])
		case settings["resource_id"] != "":
			options.ID = azidentity.ResourceID(settings["resource_id"])
		}
		credential, err = azidentity.NewManagedIdentityCredential(options)
	case "workload-identity":
		credential, err = azidentity.NewWorkloadIdentityCredential(nil)
	case "default":
		credential, err = azidentity.NewDefaultAzureCredential(nil)
	case "environment":
		credential, err = azidentity.NewEnvironmentCredential(nil)
	case "cli":
		credential, err = azidentity.NewAzureCLICredential(nil)
	case "developer-cli":
		credential, err = azidentity.NewAzureDeveloperCLICredential(
			&azidentity.AzureDeveloperCLICredentialOptions{TenantID: tenantID})
	case "powershell":
		credential, err = azidentity.NewAzurePowerShellCredential(
			&azidentity.AzurePowerShellCredentialOptions{TenantID: tenantID})
	case "pipelines":
		value := func(name, variable string) string {
			if given, found := settings[name]; found {
				return given
			}
			return os.Getenv(variable)
		}
		credential, err = azidentity.NewAzurePipelinesCredential(
			value("tenant_id", "AZURESUBSCRIPTION_TENANT_ID"),
			value("client_id", "AZURESUBSCRIPTION_CLIENT_ID"),
			value("connection", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"),
			value("token", "SYSTEM_ACCESSTOKEN"),
			nil,
		)
	case "secret":
		credential, err = azidentity.NewClientSecretCredential(tenantID, clientID, settings["secret"], nil)
	case "certificate":
		credential, err = withCertificate(settings)
	case "assertion":
		read := func(context.Context) (string, error) {
			text, err := os.ReadFile(settings["file"])
			return string(text), err
		}
		credential, err = azidentity.NewClientAssertionCredential(tenantID, clientID, read, nil)
	case "chained":
		credential, err = chained(settings)
	default:
		ok = false
	}
	return credential, ok, err
}

// withCertificate returns a credential with the certificate and the key in the file `path`, PEM or PKCS#12.
func withCertificate(settings map[string]string) (azcore.TokenCredential, error) {
	data, err := os.ReadFile(settings["path"])
	if err != nil {
		return nil, err
	}
	certificates, key, err := azidentity.ParseCertificates(data, []byte(settings["password"]))
	if err != nil {
		return nil, err
	}
	options := &azidentity.ClientCertificateCredentialOptions{SendCertificateChain: settings["send_chain"] == "1"}
	return azidentity.NewClientCertificateCredential(
		settings["tenant_id"], settings["client_id"], certificates, key, options,
	)
}

// chained returns the credentials that `of` names, as a chain. One that cannot be constructed ends the program, as it
// does for everyone who writes such a chain: with azidentity only DefaultAzureCredential passes it by.
func chained(settings map[string]string) (azcore.TokenCredential, error) {
	var members []azcore.TokenCredential
	for _, name := range strings.Split(settings["of"], ",") {
		member, ok, err := unattended(name, settings)
		if !ok {
			err = fmt.Errorf("no credential is called %q", name)
		}
		if err != nil {
			return nil, err
		}
		members = append(members, member)
	}
	return azidentity.NewChainedTokenCredential(members, nil)
}

// report gets one token and prints one line of JSON: the claims of the token, or class and text of the error.
func report(credential azcore.TokenCredential, settings map[string]string, began time.Time, err error) error {
	var token azcore.AccessToken
	if err == nil {
		resource := settings["resource"]
		if resource == "" {
			resource = management
		}
		scopes := []string{resource + "/.default"}
		token, err = credential.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: scopes})
	}
	result := map[string]any{}
	if err == nil {
		var claims map[string]any
		if parts := strings.Split(token.Token, "."); len(parts) == 3 {
			if text, problem := base64.RawURLEncoding.DecodeString(parts[1]); problem == nil {
				_ = json.Unmarshal(text, &claims)
			}
		}
		result["claims"] = claims
	} else {
		result["error"], result["text"] = class(err), strings.Join(strings.Fields(err.Error()), " ")
	}
	result["seconds"] = time.Since(began).Seconds()
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
	return err
}

// settingsOf reads arguments of the form name=value. With log=1 the library's log of credentials goes to stderr.
func settingsOf(arguments []string) map[string]string {
	found := map[string]string{}
	for _, argument := range arguments {
		if name, value, ok := strings.Cut(argument, "="); ok {
			found[name] = value
		}
	}
	if found["log"] != "" {
		azlog.SetEvents(azidentity.EventAuthentication)
		azlog.SetListener(func(_ azlog.Event, text string) { fmt.Fprintln(os.Stderr, text) })
	}
	return found
}
