package tokenizer

import "testing"

func TestClassTable(t *testing.T) {
	for r := rune(0); r < tableEnd; r += 7 {
		if got, want := wide()[r], slowClass(r); got != want {
			t.Fatalf("class of %U is %b, want %b", r, got, want)
		}
	}
}
