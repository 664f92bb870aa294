// One silent sign-in of a Go program with gokrb5: a ticket, an assertion, tokens.
//
//	gokrb5 managed | federated
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/spnego"
)

const (
	azureCli = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
	token    = "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"
	trust    = "http://schemas.xmlsoap.org/ws/2005/02/trust"
)

const envelope = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
<s:Header><a:Action s:mustUnderstand="1">` + trust + `/RST/Issue</a:Action><a:MessageID>urn:uuid:%s</a:MessageID>
<a:To s:mustUnderstand="1">%s</a:To></s:Header>
<s:Body><t:RequestSecurityToken xmlns:t="` + trust + `">
<p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy"><a:EndpointReference>
<a:Address>urn:federation:MicrosoftOnline</a:Address></a:EndpointReference></p:AppliesTo>
<t:KeyType>http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey</t:KeyType>
<t:RequestType>` + trust + `/Issue</t:RequestType></t:RequestSecurityToken></s:Body></s:Envelope>`

var assertion = regexp.MustCompile(`(?s)<saml:Assertion.*</saml:Assertion>`)

func main() {
	user, err := signIn()
	if err != nil {
		class := strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
		fmt.Fprintf(os.Stderr, "%s: %s\n", class, strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(1)
	}
	fmt.Println("signed in as", user)
}

func signIn() (string, error) {
	user, err := loadTickets()
	if err != nil {
		return "", err
	}
	defer user.Destroy()
	address := endpoint()
	rst := fmt.Sprintf(envelope, uuid.NewString(), address)
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(rst))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/soap+xml; charset=utf-8")
	request.Header.Set("SOAPAction", trust+"/RST/Issue")
	body, err := read(spnego.NewClient(user, nil, "").Do(request)) // no SPN given: gokrb5 forms it
	if err != nil {
		return "", err
	}
	issued := assertion.Find(body)
	if issued == nil {
		return "", fmt.Errorf("no assertion in the response of %s", address)
	}
	body, err = read(http.PostForm(token, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:saml1_1-bearer"},
		"client_id":  {azureCli},
		"assertion":  {base64.StdEncoding.EncodeToString(issued)},
		"scope":      {"https://graph.microsoft.com/.default openid profile"},
	}))
	if err != nil {
		return "", err
	}
	return userName(body)
}

// endpoint is the URL that issues the user's assertions: the domain's token service, or autologon.
func endpoint() string {
	_, domain, _ := strings.Cut(os.Getenv("SSOSIM_USER"), "@")
	if len(os.Args) > 1 && os.Args[1] == "federated" {
		return "https://sts." + domain + "/adfs/services/trust/2005/windowstransport"
	}
	return "https://autologon.microsoftazuread-sso.com/" + domain + "/winauth/trust/2005/windowstransport"
}

// loadTickets reads the tickets of the signed-on user from the credential cache in the environment.
func loadTickets() (*client.Client, error) {
	settings, err := config.Load(os.Getenv("KRB5_CONFIG"))
	if err != nil {
		return nil, err
	}
	tickets, err := credentials.LoadCCache(strings.TrimPrefix(os.Getenv("KRB5CCNAME"), "FILE:"))
	if err != nil {
		return nil, err
	}
	return client.NewFromCCache(tickets, settings)
}

func read(answer *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", answer.Request.URL, answer.Status)
	}
	return body, err
}

// userName is the user's name in the ID token of a response of the token endpoint.
func userName(body []byte) (string, error) {
	var tokens struct {
		ID string `json:"id_token"`
	}
	var claims struct {
		Name string `json:"preferred_username"`
	}
	if err := json.Unmarshal(body, &tokens); err != nil {
		return "", err
	}
	parts := strings.Split(tokens.ID, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("no ID token in the response of %s", token)
	}
	claimed, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	return claims.Name, json.Unmarshal(claimed, &claims)
}
