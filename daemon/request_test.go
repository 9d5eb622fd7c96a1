package daemon

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	tests := []struct {
		key, value string
		want       Request
	}{
		{"temperature", "0.5", Request{Sampling: Sampling{Temperature: 0.5}}},
		{"top_k", "7", Request{Sampling: Sampling{TopK: 7}}},
		{"top_p", "0.9", Request{Sampling: Sampling{TopP: 0.9}}},
		{"min_p", ".1", Request{Sampling: Sampling{MinP: 0.1}}},
		{"repeat_penalty", "1.1", Request{Sampling: Sampling{RepeatPenalty: 1.1}}},
		{"repeat_last_n", "-1", Request{Sampling: Sampling{RepeatLastN: -1}}},
		{"frequency_penalty", "-0.5", Request{Sampling: Sampling{FrequencyPenalty: -0.5}}},
		{"presence_penalty", "2", Request{Sampling: Sampling{PresencePenalty: 2}}},
		{"seed", "18446744073709551615", Request{Sampling: Sampling{Seed: math.MaxUint64}}},
		{"seed", "-1", Request{Sampling: Sampling{Seed: math.MaxUint64}}},
		{"stop", "a=b, c", Request{Stop: []string{"a=b, c"}}},
		{"max_tokens", "9", Request{MaxTokens: 9}},
		{"num_predict", "-1", Request{}},
		{"logit_bias", `{"15": -100, "27": 2.5}`, Request{Sampling: Sampling{LogitBias: map[int32]float64{15: -100, 27: 2.5}}}},
	}
	tried := map[string]bool{}
	for _, test := range tests {
		var got Request
		if err := got.Set(test.key, test.value); err != nil {
			t.Errorf("%s %s: %v", test.key, test.value, err)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s %s: got %+v", test.key, test.value, got)
		}
		tried[test.key] = true
	}
	for _, key := range OptionKeys() {
		if !tried[key] {
			t.Errorf("option %s is not tested", key)
		}
	}
}

func TestSetErrors(t *testing.T) {
	tests := []struct{ key, value, want string }{
		{"temprature", "1", `unknown option "temprature" (there are temperature, top_k,`},
		{"temperature", "hot", `option temperature: found "hot", want a number`},
		{"top_k", "1.5", `option top_k: found "1.5", want a whole number`},
		{"top_k", "99999999999", `want a whole number`},
		{"seed", "one", `option seed: found "one"`},
		{"logit_bias", `{"x": 1}`, `want JSON like {"15": -100`},
	}
	for _, test := range tests {
		var r Request
		err := r.Set(test.key, test.value)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: got %v, want …%s…", test.key, test.value, err, test.want)
		}
	}
}

func TestRequestCheck(t *testing.T) {
	for _, r := range []Request{{Raw: true, System: "x"}, {Sampling: Sampling{TopP: 2}}, {Sampling: Sampling{Temperature: math.NaN()}}} {
		if r.Check() == nil {
			t.Errorf("%+v passes", r)
		}
	}
	if err := (&Request{Sampling: DefaultSampling()}).Check(); err != nil {
		t.Error(err)
	}
}
