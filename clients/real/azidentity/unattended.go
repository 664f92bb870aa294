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
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const management = "https://management.azure.com/.default"

// unattended returns the credential for a flow without a person; ok is false for any other flow. The defaults are those
// of the library. Settings that a host does not give come after the flow: client_id=..., resource_id=..., and others.
func unattended(flow string, settings map[string]string) (credential azcore.TokenCredential, ok bool, err error) {
	ok = true
	switch flow {
	case "managed-identity":
		options := &azidentity.ManagedIdentityCredentialOptions{}
		switch {
		case settings["client_id"] != "":
			options.ID = azidentity.ClientID(settings["client_id"])
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
	default:
		ok = false
	}
	return credential, ok, err
}

// report gets one token and prints one line of JSON: the claims of the token, or class and text of the error.
func report(credential azcore.TokenCredential, began time.Time, err error) error {
	var token azcore.AccessToken
	if err == nil {
		token, err = credential.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{management}})
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

// settingsOf reads arguments of the form name=value.
func settingsOf(arguments []string) map[string]string {
	found := map[string]string{}
	for _, argument := range arguments {
		if name, value, ok := strings.Cut(argument, "="); ok {
			found[name] = value
		}
	}
	return found
}
