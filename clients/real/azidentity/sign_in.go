// One sign-in with azidentity: the defaults of the credential, one token, one line of output.
//
//	azidentity username-password | interactive | device-code
//	azidentity CREDENTIAL [NAME=VALUE ...], for a credential without a person: unattended.go
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	tenant    = "organizations"
	azureCli  = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
	userLimit = 60 * time.Second // time limit for the user; the silent flow has the limits of the library
)

// scope is that of a national cloud in SCOPE; the library itself reads AZURE_AUTHORITY_HOST.
var scope = cmp.Or(os.Getenv("SCOPE"), "https://graph.microsoft.com/.default")

// account is the common interface of the three credentials: Authenticate returns the user name, GetToken does not.
type account interface {
	Authenticate(context.Context, *policy.TokenRequestOptions) (azidentity.AuthenticationRecord, error)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", class(err), strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) > 0 {
		began, settings := time.Now(), settingsOf(arguments[1:])
		if credential, ok, err := unattended(arguments[0], settings); ok {
			return report(credential, settings, began, err)
		}
	}
	flow := strings.Join(arguments, " ")
	ctx := context.Background()
	if flow != "username-password" {
		limited, cancel := context.WithTimeout(ctx, userLimit)
		defer cancel()
		ctx = limited
	}
	credential, err := credentialFor(flow)
	if err != nil {
		return err
	}
	record, err := credential.Authenticate(ctx, &policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		return err
	}
	fmt.Println("signed in as", record.Username)
	return nil
}

func credentialFor(flow string) (account, error) {
	switch flow {
	case "username-password":
		user, password := os.Getenv("SSOSIM_USER"), os.Getenv("SSOSIM_PASSWORD")
		return azidentity.NewUsernamePasswordCredential(tenant, azureCli, user, password, nil)
	case "interactive":
		return azidentity.NewInteractiveBrowserCredential(nil)
	case "device-code":
		return azidentity.NewDeviceCodeCredential(nil)
	}
	return nil, fmt.Errorf("usage: azidentity username-password | interactive | device-code (not %q)", flow)
}

// class is the type of the error, without the pointer mark: "azidentity.AuthenticationFailedError".
func class(err error) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
}
