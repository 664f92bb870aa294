package example

import (
	"log"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	lab    *Lab
	signin string // the program under test
)

func TestMain(m *testing.M) { os.Exit(withLab(m)) }

func withLab(m *testing.M) int {
	folder, err := os.MkdirTemp("", "signin")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	signin = filepath.Join(folder, "signin")
	if out, err := exec.Command("go", "build", "-o", signin, "./signin").CombinedOutput(); err != nil {
		log.Fatalf("go build: %s", out)
	}
	if lab, err = Start("example-go"); err != nil {
		log.Fatal(err)
	}
	defer lab.Stop()
	return m.Run()
}

// unwell lets the first so many password posts of one program fail with 503.
func unwell(t *testing.T, label string, first int) {
	t.Helper()
	err := lab.Break(map[string]any{
		"fault": "http-status", "status": 503, "code": 90033,
		"host": "login.microsoftonline.com", "path": "/token",
		"clients": []string{label}, "first": first,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Mend(); err != nil {
			t.Error(err)
		}
	})
}

// statuses are the answers that the token endpoint gave to a program, in order.
func statuses(t *testing.T, label string) (found []int) {
	t.Helper()
	events, err := lab.Events(url.Values{"client": {label}, "kind": {"HttpExchange"}, "text": {"/token"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		found = append(found, event.Status)
	}
	return found
}

func expect(t *testing.T, label, outcome string) {
	t.Helper()
	verdict, err := lab.Verdict(label)
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Outcome != outcome {
		t.Fatalf("%s, not %s: %s", verdict.Outcome, outcome, verdict.Reason)
	}
}

func TestTriesAgain(t *testing.T) {
	unwell(t, "tries-again", 2)
	out, err := lab.Command("tries-again", signin).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "signed in silently") {
		t.Fatalf("%v: %s", err, out)
	}
	if got := statuses(t, "tries-again"); len(got) != 3 || got[0] != 503 || got[1] != 503 || got[2] != 200 {
		t.Fatalf("the token endpoint answered %v", got)
	}
	expect(t, "tries-again", "silent")
}

func TestFallsBackToThePerson(t *testing.T) {
	unwell(t, "falls-back", 3)
	program := lab.Command("falls-back", signin)
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	asked, err := lab.Wait(url.Values{"client": {"falls-back"}, "kind": {"UserPrompted"}, "timeout_s": {"20"}})
	if err != nil || asked.Kind == "" {
		t.Errorf("nobody was asked: %v", err)
	}
	if err := program.Wait(); err != nil {
		t.Fatal(err)
	}
	expect(t, "falls-back", "interactive")
}

func TestDoesNotTryAWrongPasswordAgain(t *testing.T) {
	program := lab.Command("wrong-password", "env", "SSOSIM_PASSWORD=wrong", signin)
	if out, err := program.CombinedOutput(); err == nil || !strings.Contains(string(out), "400 invalid_grant") {
		t.Fatalf("%v: %s", err, out)
	}
	if got := statuses(t, "wrong-password"); len(got) != 1 {
		t.Fatalf("the password was posted %d times", len(got))
	}
	expect(t, "wrong-password", "refused")
}
