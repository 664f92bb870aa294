// One GET at the autologon host with the transport of go-spnego.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/dpotapov/go-spnego"
)

func main() {
	if err := signIn(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("signed in as", os.Getenv("SSOSIM_USER"))
}

func signIn() error {
	_, domain, _ := strings.Cut(os.Getenv("SSOSIM_USER"), "@")
	client := &http.Client{Transport: &spnego.Transport{}}
	response, err := client.Get("https://autologon.microsoftazuread-sso.com/" + domain + "/winauth/sso")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", response.Request.URL, response.Status)
	}
	return nil
}
