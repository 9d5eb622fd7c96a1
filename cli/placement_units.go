package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"moed/offload/budget"
)

// listedSize is bytes, written as 8GB.
type listedSize int64

// listedRate is bytes per second, written as 900MB/s or 1Gbit/s.
type listedRate float64

// listedWait is a time, written as 100us.
type listedWait time.Duration

func (s *listedSize) UnmarshalYAML(n *yaml.Node) error {
	v, err := parseBytes(n.Value)
	*s = listedSize(v)
	return atLine(n, err)
}

func (r *listedRate) UnmarshalYAML(n *yaml.Node) error {
	v, err := parseRate(n.Value)
	*r = listedRate(v)
	return atLine(n, err)
}

func (w *listedWait) UnmarshalYAML(n *yaml.Node) error {
	v, err := parseWait(n.Value)
	*w = listedWait(v)
	return atLine(n, err)
}

func (s listedSize) MarshalYAML() (any, error) { return sizeOut(int64(s)), nil }
func (r listedRate) MarshalYAML() (any, error) { return sizeOut(int64(r)) + "/s", nil }
func (w listedWait) MarshalYAML() (any, error) { return time.Duration(w).String(), nil }

func atLine(n *yaml.Node, err error) error {
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

// parseBytes reads a size that is not a share.
func parseBytes(text string) (int64, error) {
	if strings.Contains(text, "%") {
		return 0, fmt.Errorf("size %q: want bytes, such as 8GB, 8GiB or 900M", text)
	}
	a, err := budget.ParseSize(text)
	return a.In(0), err
}

// parseRate reads bytes per second, or bits where it says so.
func parseRate(text string) (float64, error) {
	t := strings.TrimSuffix(strings.TrimSpace(text), "/s")
	bits := strings.HasSuffix(t, "bit") || strings.HasSuffix(t, "bps")
	t = strings.TrimSuffix(strings.TrimSuffix(t, "bit"), "bps")
	v, err := parseBytes(t)
	if err != nil {
		return 0, fmt.Errorf("rate %q: want bytes or bits per second, such as 900MB/s, 900M or 1Gbit/s", text)
	}
	if bits {
		return float64(v) / 8, nil
	}
	return float64(v), nil
}

// parseWait reads a time that is not negative.
func parseWait(text string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	switch {
	case err != nil || d < 0:
		return 0, fmt.Errorf("time %q: want one such as 100us, 0.2ms or 1s", text)
	case d > time.Hour:
		return 0, errors.New("time " + strconv.Quote(text) + ": want at most an hour")
	}
	return d, nil
}

// sizeOut is text with three digits that parseBytes reads, not more than n.
func sizeOut(n int64) string {
	for _, u := range []struct {
		name  string
		bytes float64
	}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if v := float64(n) / u.bytes; v >= 1 {
			return strconv.FormatFloat(math.Floor(v*100)/100, 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}
