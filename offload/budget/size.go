package budget

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Amount is a memory size that a user asked for: a number of bytes or a share
// of what is available. The zero Amount asks for nothing.
type Amount struct {
	bytes   int64
	percent float64 // in (0, 100], or 0 where bytes are given
}

// ErrSize is what all errors of ParseSize wrap. Its text says what is accepted.
var ErrSize = errors.New("want a size like 8G or 8GB (8·10⁹ bytes), 8GiB (8·2³⁰), 1.5G, 900M, or a share like 75%")

type unit struct {
	prefix string
	bytes  int64
}

// units lists what may stand after a number, in capitals and without the B that
// may follow.
func units() []unit {
	return []unit{
		{"", 1},
		{"KI", 1 << 10}, {"MI", 1 << 20}, {"GI", 1 << 30}, {"TI", 1 << 40},
		{"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12},
	}
}

const longestSize = 40 // bytes of text; no sensible size is longer

// ParseSize reads a size in bytes, K, M, G or T (powers of 1000), Ki, Mi, Gi or
// Ti (powers of 1024), each with or without a B and in capitals or not, or a
// percentage above 0 and up to 100. Decimals are exact and cut off at whole
// bytes. It must come to at least one byte.
func ParseSize(s string) (Amount, error) {
	if len(s) > longestSize {
		return Amount{}, fmt.Errorf("size of %d characters: %w", len(s), ErrSize)
	}
	text := strings.TrimSpace(s)
	end := strings.LastIndexAny(text, "0123456789.") + 1
	number, suffix := text[:end], strings.ToUpper(strings.TrimSpace(text[end:]))
	if !isDecimal(number) {
		return Amount{}, fmt.Errorf("size %q: %w", s, ErrSize)
	}
	if suffix == "%" {
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !(share > 0 && share <= 100) {
			return Amount{}, fmt.Errorf("size %q is not above 0 and up to 100 percent: %w", s, ErrSize)
		}
		return Amount{percent: share}, nil
	}
	for _, u := range units() {
		if suffix == u.prefix || suffix == u.prefix+"B" {
			n, err := times(number, u.bytes)
			if err != nil {
				return Amount{}, fmt.Errorf("size %q %w: %w", s, err, ErrSize)
			}
			return Amount{bytes: n}, nil
		}
	}
	return Amount{}, fmt.Errorf("size %q has the unknown unit %q: %w", s, strings.TrimSpace(text[end:]), ErrSize)
}

// isDecimal accepts digits with at most one point among or around them.
func isDecimal(s string) bool {
	whole, fraction, _ := strings.Cut(s, ".")
	digits := whole + fraction
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// times is number, a decimal, in units of unit bytes, without what is less than
// a byte.
func times(number string, unit int64) (int64, error) {
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, errors.New("is not a number")
	}
	r.Mul(r, new(big.Rat).SetInt64(unit))
	n := new(big.Int).Quo(r.Num(), r.Denom())
	switch {
	case n.Sign() == 0:
		return 0, errors.New("is less than a byte")
	case !n.IsInt64():
		return 0, errors.New("is too large")
	}
	return n.Int64(), nil
}

// In is the amount in bytes where available bytes are there to take a share of.
// A number of bytes is returned as it is, be there less or more.
func (a Amount) In(available int64) int64 {
	switch {
	case a.percent == 0:
		return a.bytes
	case a.percent == 100:
		return max(available, 0) // exact, as float64 would not be
	}
	return int64(float64(max(available, 0)) * (a.percent / 100))
}

// String is text that ParseSize reads as the same amount: "8GB", "8GiB", "75%".
func (a Amount) String() string {
	if a.percent > 0 {
		return strconv.FormatFloat(a.percent, 'f', -1, 64) + "%"
	}
	best := unit{"", 1}
	for _, u := range units() {
		if a.bytes%u.bytes == 0 && u.bytes > best.bytes {
			best = u
		}
	}
	return strconv.FormatInt(a.bytes/best.bytes, 10) + strings.Replace(best.prefix, "I", "i", 1) + "B"
}

// text gives n bytes to be read by people, in powers of 1000.
func text(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
