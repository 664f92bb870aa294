// Package example drives a lab of ssosim from Go: faults, programs, events, verdicts. Standard library only.
package example

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
)

// Lab is a running lab, steered over its Unix socket (docs/openapi.json).
type Lab struct {
	Name    string
	program string
	api     http.Client
}

// Event is one record of the trace; the fields beyond these depend on its kind.
type Event struct {
	Seq    int    `json:"seq"`
	Client string `json:"client"`
	Kind   string `json:"event"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Status int    `json:"status"`
}

// Verdict is what became of a client, judged from what was seen on the wire.
type Verdict struct {
	Client  string  `json:"client"`
	Outcome string  `json:"outcome"` // silent, interactive, stalled, refused, failed
	Reason  string  `json:"reason"`
	AfterS  float64 `json:"after_s"`
}

// Start starts a lab of that name. The command is $SSOSIM, else ssosim on the PATH.
func Start(name string) (*Lab, error) {
	program := os.Getenv("SSOSIM")
	if program == "" {
		program = "ssosim"
	}
	command := exec.Command(program, "up", "--detach", "--json", "--name", name)
	command.Stderr = os.Stderr
	panel, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s up: %w", program, err)
	}
	var started struct {
		API struct{ Socket string }
	}
	if err := json.Unmarshal(panel, &started); err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", started.API.Socket)
	}
	return &Lab{Name: name, program: program, api: http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
}

// Stop stops the lab and all that runs in it.
func (lab *Lab) Stop() error {
	return lab.call(http.MethodPost, "/v1/stop", nil, nil)
}

// Break puts a fault in force (`ssosim fault list`), until Mend or up to the limit that it has itself.
func (lab *Lab) Break(fault map[string]any) error {
	return lab.call(http.MethodPost, "/v1/faults", fault, nil)
}

// Mend undoes all faults.
func (lab *Lab) Mend() error {
	return lab.call(http.MethodDelete, "/v1/faults/all", nil, nil)
}

// Command is a program on a device of its own, which the trace calls label.
func (lab *Lab) Command(label string, program ...string) *exec.Cmd {
	return exec.Command(lab.program, append([]string{"exec", "--name", lab.Name, "--as", label, "--"}, program...)...)
}

// Wait is the first event that query selects ("client", "kind", "layer", "text", "since", "timeout_s").
// One that is there already counts. An Event without a kind: none came in time.
func (lab *Lab) Wait(query url.Values) (event Event, err error) {
	return event, lab.call(http.MethodGet, "/v1/wait?"+query.Encode(), nil, &event)
}

// Events are those that query selects, the oldest first.
func (lab *Lab) Events(query url.Values) ([]Event, error) {
	var found struct{ Records []Event }
	return found.Records, lab.call(http.MethodGet, "/v1/trace?"+query.Encode(), nil, &found)
}

// Verdict is what became of the program that is called label.
func (lab *Lab) Verdict(label string) (Verdict, error) {
	var found struct{ Verdicts []Verdict }
	err := lab.call(http.MethodGet, "/v1/verdicts?"+url.Values{"client": {label}}.Encode(), nil, &found)
	if err == nil && len(found.Verdicts) != 1 {
		err = fmt.Errorf("the lab knows no client %q", label)
	}
	if err != nil {
		return Verdict{}, err
	}
	return found.Verdicts[0], nil
}

func (lab *Lab) call(method, path string, body, into any) error {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequest(method, "http://lab"+path, &content)
	if err != nil {
		return err
	}
	answer, err := lab.api.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 400 {
		var wrong struct{ Error string }
		json.NewDecoder(answer.Body).Decode(&wrong)
		return fmt.Errorf("%s %s: %d: %s", method, path, answer.StatusCode, wrong.Error)
	}
	if into == nil || answer.StatusCode == http.StatusNoContent {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
