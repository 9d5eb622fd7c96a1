package budget_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"moed/offload/budget"
)

func TestParseSize(t *testing.T) {
	const available = 1_000_000
	for _, c := range []struct {
		in   string
		want int64
	}{
		{"8G", 8e9}, {"8GB", 8e9}, {"8GiB", 8 << 30}, {"8Gi", 8 << 30},
		{"8gb", 8e9}, {"8gib", 8 << 30}, {"8gIb", 8 << 30}, {" 8 GB ", 8e9},
		{"1K", 1e3}, {"1KiB", 1 << 10}, {"1ki", 1 << 10}, {"3M", 3e6}, {"3MiB", 3 << 20}, {"2T", 2e12}, {"2Ti", 2 << 40},
		{"1", 1}, {"4096", 4096}, {"4096B", 4096}, {"007", 7},
		{"1.5G", 15e8}, {".5k", 500}, {"5.M", 5e6}, {"0.1G", 1e8}, {"1.0000000019G", 1_000_000_001},
		{"9223372036854775807", math.MaxInt64},
		{"75%", 750_000}, {"100%", available}, {"0.5 %", 5000}, {"12.5%", 125_000},
	} {
		a, err := budget.ParseSize(c.in)
		if err != nil {
			t.Errorf("ParseSize(%q): %v", c.in, err)
			continue
		}
		if got := a.In(available); got != c.want {
			t.Errorf("ParseSize(%q) is %d bytes, want %d", c.in, got, c.want)
		}
	}
}

func TestParseSizeRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "G", "GB", "%", ".", ".G", "-1G", "+1G", "1e9", "1/2G", "0x10", "1_000", "1,5G", "1.5.5G", "8 G B",
		"8GG", "8BG", "8iB", "8i", "8P", "8bits", "8G%", "infinity", "NaN", "8١",
		"0", "0G", "0%", "0.0000000001G", "101%", "100.1%", "-5%",
		"9223372036854775808", "9223373T", "99999999999999999999999999999T", strings.Repeat("1", 1000),
	} {
		a, err := budget.ParseSize(in)
		if !errors.Is(err, budget.ErrSize) {
			t.Errorf("ParseSize(%q) = %v, %v, want an error that says what is accepted", in, a, err)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("ParseSize(%q): error of %d characters", in[:10], len(err.Error()))
		}
	}
}

func TestAmountString(t *testing.T) {
	for in, want := range map[string]string{
		"8G": "8GB", "8GiB": "8GiB", "1.5G": "1500MB", "0.5Gi": "512MiB", "1001": "1001B", "75%": "75%", "33.3%": "33.3%",
	} {
		a, err := budget.ParseSize(in)
		if err != nil || a.String() != want {
			t.Errorf("%q reads as %q, %v, want %q", in, a, err, want)
		}
	}
}

// A share never comes to more than the whole, however large that is.
func TestAmountShare(t *testing.T) {
	for _, share := range []string{"100%", "99.99999999999999%", "99.99999999999999999999%", "50%", "0.0000001%"} {
		a, err := budget.ParseSize(share)
		if err != nil {
			t.Fatal(err)
		}
		for _, available := range []int64{-1, 0, 1, 7, 1<<53 + 1, math.MaxInt64} {
			if got := a.In(available); got < 0 || got > max(available, 0) {
				t.Errorf("%s of %d is %d", share, available, got)
			}
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"8G", "1.5GiB", "75%", "0.001Ki", "9223372036854775807", "٣G", "1.", "%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := budget.ParseSize(s)
		if err != nil {
			return
		}
		if n := a.In(1 << 40); n < 1 && !strings.Contains(s, "%") {
			t.Errorf("%q is %d bytes", s, n)
		}
		again, err := budget.ParseSize(a.String())
		if err != nil && len(a.String()) > 40 {
			return // a share of many digits, written out in full
		}
		if err != nil || again != a {
			t.Errorf("%q reads as %q, which reads as %q, %v", s, a, again, err)
		}
	})
}
