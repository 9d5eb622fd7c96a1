package api

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// TestChanges: what a stream sends puts together what there was.
func TestChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var there, known *Experts
	for step := range 300 {
		now := &Experts{Model: "m", Layers: 4, Experts: 8, Heat: make([]byte, 32), Resident: make([]byte, 32)}
		if step == 150 { // loaded again, as another file
			now.Experts, now.Heat, now.Resident = 9, make([]byte, 36), make([]byte, 36)
			there = nil
		}
		if there != nil {
			now.Experts = there.Experts
			now.Heat, now.Resident = append([]byte(nil), there.Heat...), append([]byte(nil), there.Resident...)
		}
		for range r.IntN(12) {
			now.Heat[r.IntN(len(now.Heat))] = byte(r.IntN(256))
			now.Resident[r.IntN(len(now.Heat))] = byte(r.IntN(2))
		}
		change := now.Change(there)
		same := there != nil && reflect.DeepEqual(now.Heat, there.Heat) && reflect.DeepEqual(now.Resident, there.Resident)
		if same != (change == nil) {
			t.Fatalf("step %d: change %+v where it is %v that nothing changed", step, change, same)
		}
		there = now
		if change == nil {
			continue
		}
		text, err := json.Marshal(change)
		if err != nil {
			t.Fatal(err)
		}
		var sent Experts
		if err := json.Unmarshal(text, &sent); err != nil {
			t.Fatal(err)
		}
		if known, err = known.Apply(&sent); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if !reflect.DeepEqual(known.Heat, there.Heat) || !reflect.DeepEqual(known.Resident, there.Resident) {
			t.Fatalf("step %d: put together %+v, there is %+v", step, known, there)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	whole := &Experts{Model: "m", Layers: 1, Experts: 2, Heat: []byte{1, 2}, Resident: []byte{0, 1}}
	for name, c := range map[string]struct{ of, change *Experts }{
		"short":   {nil, &Experts{Model: "m", Layers: 2, Experts: 2, Heat: []byte{1}, Resident: []byte{1}}},
		"uneven":  {nil, &Experts{Model: "m", Layers: 1, Experts: 1, Heat: []byte{1}}},
		"unknown": {nil, &Experts{Model: "m", Layers: 1, Experts: 2, At: []int{0}, Heat: []byte{1}, Resident: []byte{1}}},
		"other":   {whole, &Experts{Model: "n", Layers: 1, Experts: 2, At: []int{0}, Heat: []byte{1}, Resident: []byte{1}}},
		"far":     {whole, &Experts{Model: "m", Layers: 1, Experts: 2, At: []int{2}, Heat: []byte{1}, Resident: []byte{1}}},
		"before":  {whole, &Experts{Model: "m", Layers: 1, Experts: 2, At: []int{-1}, Heat: []byte{1}, Resident: []byte{1}}},
		"too few": {whole, &Experts{Model: "m", Layers: 1, Experts: 2, At: []int{0, 1}, Heat: []byte{1}, Resident: []byte{1}}},
	} {
		if got, err := c.of.Apply(c.change); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
}

func TestKeepAlive(t *testing.T) {
	for text, want := range map[string]time.Duration{`"10m"`: 10 * time.Minute, `300`: 5 * time.Minute, `-1`: -time.Second, `0`: 0, `0.5`: time.Second / 2, `"-1s"`: -time.Second} {
		var k KeepAlive
		if err := json.Unmarshal([]byte(text), &k); err != nil || time.Duration(k) != want {
			t.Errorf("%s: %v, %v; want %v", text, time.Duration(k), err, want)
		}
		back, err := json.Marshal(k)
		var again KeepAlive
		if err != nil || json.Unmarshal(back, &again) != nil || again != k {
			t.Errorf("%s: written as %s, which is %v", text, back, again)
		}
	}
	for _, text := range []string{`"soon"`, `1e300`, `-1e300`, `{}`, `true`, `"10"`} {
		var k KeepAlive
		if err := json.Unmarshal([]byte(text), &k); err == nil {
			t.Errorf("%s: %v, want an error", text, time.Duration(k))
		}
	}
}
