// One sign-in with azidentity as it comes: the credential's defaults, one token, one line.
//
//	azidentity username-password | interactive | device-code
package main

import (
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
	wanted    = "https://graph.microsoft.com/.default"
	forPerson = 60 * time.Second // how long a person may take; the silent flow keeps the library's own limits
)

// account is what the three credentials have in common: GetToken as the SDK's clients call it, but telling whose it is.
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
	flow := strings.Join(arguments, " ")
	ctx := context.Background()
	if flow != "username-password" {
		limited, cancel := context.WithTimeout(ctx, forPerson)
		defer cancel()
		ctx = limited
	}
	credential, err := credentialFor(flow)
	if err != nil {
		return err
	}
	record, err := credential.Authenticate(ctx, &policy.TokenRequestOptions{Scopes: []string{wanted}})
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

// class is the error's type, without its package's pointer: "azidentity.AuthenticationFailedError".
func class(err error) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
}
