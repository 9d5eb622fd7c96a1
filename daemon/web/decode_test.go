package web

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"moed/daemon"
)

type form struct {
	Name  string  `json:"name"`
	Count float64 `json:"count"`
	List  []int   `json:"list"`
}

// TestDecode: what is wrong is the request's fault, and says what was wanted.
func TestDecode(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	for _, c := range []struct{ body, param, want string }{
		{``, "", "empty"},
		{" \n", "", "empty"},
		{`{`, "", "not JSON"},
		{`{"name":"x"`, "", "not JSON"},
		{`[]`, "", "not a JSON object"},
		{`null`, "", "not a JSON object"},
		{`7`, "", "not a JSON object"},
		{`{} {}`, "", "follows"},
		{`{}x`, "", "follows"},
		{`{"name":"a","name":"b"}`, "", "twice"},
		{`{"name":"a","na\u006de":"b"}`, "", "twice"},
		{"{\"name\":\"\xff\"}", "", "UTF-8"},
		{`{"name":7}`, "name", "want a string"},
		{`{"count":"7"}`, "count", "want a number"},
		{`{"list":{}}`, "list", "want an array"},
		{`{"list":["x"]}`, "list", "want a whole number"},
		{deep(MaxDepth), "", "deeper"},
		{strings.Repeat("[", 1<<20), "", "deeper"},
	} {
		var f form
		err := Decode(httptest.NewRequest("POST", "/", strings.NewReader(c.body)), &f)
		var wrong *daemon.RequestError
		if !errors.As(err, &wrong) || wrong.Param != c.param || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s: %v, want one of %q that says %q", c.body, err, c.param, c.want)
		}
	}
	for _, body := range []string{`{}`, `{"name":"ü","count":1e3,"list":[1,2],"more":{"x":null}}`, deep(MaxDepth - 1), ` {"name":"[[[[\"{{{{"} `} {
		if err := Decode(httptest.NewRequest("POST", "/", strings.NewReader(body)), new(form)); err != nil {
			t.Errorf("%.40s: %v", body, err)
		}
	}
}

// TestLongBody: what does not end is not kept.
func TestLongBody(t *testing.T) {
	err := Decode(httptest.NewRequest("POST", "/", endless{}), new(form))
	if err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a body without an end: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// FuzzDecode: no body is a panic, and what is taken is one object.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{`{}`, `{"name":"x","count":1,"list":[1]}`, `{"a":[[[]]]}`, `{"a":1,"a":2}`, `{"\ud800":1}`, `{} 1`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var into map[string]any
		err := Decode(httptest.NewRequest("POST", "/", strings.NewReader(body)), &into)
		if err == nil && !strings.HasPrefix(strings.TrimSpace(body), "{") {
			t.Errorf("%q is taken", body)
		}
	})
}
