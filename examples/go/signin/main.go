// The program under test: it signs in with a password, tries again when the cloud is unwell, and then asks the person.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	cloud  = "https://login.microsoftonline.com/organizations/oauth2/v2.0"
	app    = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
	scope  = "https://graph.microsoft.com/.default"
	tries  = 3
	pause  = 200 * time.Millisecond
	person = 30 * time.Second // how long a person may take
)

// reply is what the cloud says: tokens, a device code, or an error.
type reply struct {
	AccessToken string `json:"access_token"`
	DeviceCode  string `json:"device_code"`
	Message     string `json:"message"`
	Error       string `json:"error"`
}

func main() {
	how, err := signIn()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sign-in failed:", err)
		os.Exit(1)
	}
	fmt.Println("signed in", how)
}

func signIn() (string, error) {
	for try := 1; ; try++ {
		answer, status, err := post("/token", url.Values{
			"grant_type": {"password"},
			"username":   {os.Getenv("SSOSIM_USER")},
			"password":   {os.Getenv("SSOSIM_PASSWORD")},
		})
		if answer.AccessToken != "" {
			return "silently", nil
		}
		if err == nil && status < 500 {
			return "", fmt.Errorf("the cloud says %d %s", status, answer.Error) // another try would lock the account
		}
		if try == tries {
			return "by device code", askThePerson()
		}
		time.Sleep(pause)
	}
}

func askThePerson() error {
	code, status, err := post("/devicecode", url.Values{})
	if err != nil {
		return err
	}
	if code.DeviceCode == "" {
		return fmt.Errorf("no device code: the cloud says %d %s", status, code.Error)
	}
	fmt.Println(code.Message)
	for end := time.Now().Add(person); time.Now().Before(end); time.Sleep(pause) {
		answer, _, err := post("/token", url.Values{"grant_type": {"device_code"}, "device_code": {code.DeviceCode}})
		if answer.AccessToken != "" {
			return nil
		}
		if err == nil && answer.Error != "authorization_pending" {
			return fmt.Errorf("the cloud says %s", answer.Error)
		}
	}
	return fmt.Errorf("nobody typed the code in %s", person)
}

func post(path string, form url.Values) (reply, int, error) {
	var said reply
	form.Set("client_id", app)
	form.Set("scope", scope)
	answer, err := http.PostForm(cloud+path, form)
	if err != nil {
		return said, 0, err
	}
	defer answer.Body.Close()
	json.NewDecoder(answer.Body).Decode(&said) // a page instead of JSON is a reply without anything in it
	return said, answer.StatusCode, nil
}
