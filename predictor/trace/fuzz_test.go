package trace_test

import (
	"bytes"
	"reflect"
	"testing"

	"moed/predictor/trace"
)

// FuzzRead: what can be read can be written, and is read the same again; what
// cannot is refused without a crash.
func FuzzRead(f *testing.F) { fuzz(f, trace.Binary) }

// FuzzReadCSV does so with the other form.
func FuzzReadCSV(f *testing.F) { fuzz(f, trace.CSV) }

func fuzz(f *testing.F, form trace.Format) {
	tr := made()
	tr.Layers[2].Experts = 8
	tr.Visits = append(tr.Visits[3:4:4], tr.Visits[6], tr.Visits[27])
	b := encoded(f, tr, form)
	f.Add(b)
	f.Add(b[:len(b)*2/3])
	tr.Visits[0].IDs, tr.Visits[1].Weights, tr.Visits[2].Probs = nil, nil, nil
	f.Add(encoded(f, tr, form))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := trace.Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		tr.Note = ""
		once := read(t, encoded(t, tr, trace.Binary))
		if twice := read(t, encoded(t, once, trace.Binary)); !reflect.DeepEqual(once, twice) {
			t.Errorf("once\n%+v\ntwice\n%+v", once, twice)
		}
		plain := read(t, encoded(t, tr, trace.CSV))
		for i := range tr.Visits {
			tr.Visits[i].Probs = nil
		}
		if !reflect.DeepEqual(tr.Visits, plain.Visits) || !reflect.DeepEqual(tr.Layers, plain.Layers) {
			t.Errorf("read\n%+v\nby way of CSV\n%+v", tr, plain)
		}
	})
}
