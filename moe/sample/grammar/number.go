package grammar

import (
	"math"
	"math/big"
	"strconv"
)

// Places in a number. b counts the digits of the part; with bounds, a is the value
// of all digits so far, b counts those behind the point, and gap is 1 below zero.
const (
	numberStart place = iota
	numberMinus
	numberZero
	numberInt
	numberPoint
	numberFraction
	numberE
	numberSign
	numberExponent
)

const (
	maxInt, maxFraction, maxExponent = 19, 17, 2

	boundedPlaces = 6
	boundedMost   = 999_999_999_999_999_999 // 12 digits and the places, or 18
)

func (m *machine) stepNumber(f *frame, c byte) {
	g, ok := *f, false
	if f.node.bounds != nil {
		ok = g.digitBounded(c)
	} else {
		ok = g.digit(c)
	}
	switch {
	case ok:
		m.emit(g)
	case f.up != nil && f.numberWhole():
		m.step(f.up, c)
	}
}

// digit moves f on by c and reports whether the number goes on so.
func (f *frame) digit(c byte) bool {
	was := f.at
	isDigit := c >= '0' && c <= '9'
	switch {
	case c == '-' && was == numberStart:
		f.at = numberMinus
	case c == '0' && was <= numberMinus:
		f.at = numberZero
	case isDigit && (was <= numberMinus || was == numberInt):
		f.at = numberInt
	case f.node.integer:
		return false
	case c == '.' && (was == numberZero || was == numberInt):
		f.at = numberPoint
	case isDigit && (was == numberPoint || was == numberFraction):
		f.at = numberFraction
	case c|0x20 == 'e' && (was == numberZero || was == numberInt || was == numberFraction):
		f.at = numberE
	case (c == '-' || c == '+') && was == numberE:
		f.at = numberSign
	case isDigit && was >= numberE:
		f.at = numberExponent
	default:
		return false
	}
	if f.b++; f.at != was {
		f.b = 1
	}
	switch f.at {
	case numberInt:
		return f.b <= maxInt
	case numberFraction:
		return f.b <= maxFraction
	case numberExponent:
		return f.b <= maxExponent
	}
	return true
}

// digitBounded is digit for a number with bounds: it goes on only where some
// number within them does.
func (f *frame) digitBounded(c byte) bool {
	limit := f.node.bounds
	isDigit := c >= '0' && c <= '9'
	switch {
	case c == '-' && f.at == numberStart && limit.low < 0:
		f.at, f.gap = numberMinus, 1
		return true
	case isDigit && (f.at <= numberMinus || f.at == numberInt):
		if f.at = numberInt; c == '0' && f.a == 0 {
			f.at = numberZero
		}
	case c == '.' && limit.places > 0 && (f.at == numberZero || f.at == numberInt):
		f.at = numberPoint
	case isDigit && (f.at == numberPoint || f.at == numberFraction) && f.b < limit.places:
		f.at = numberFraction
		f.b++
	default:
		return false
	}
	if isDigit {
		if f.a > boundedMost/10 {
			return false
		}
		f.a = f.a*10 + int64(c-'0')
	}
	return f.feasible()
}

// magnitude is the range of |number| that f's sign leaves.
func (f *frame) magnitude() (low, high int64) {
	low, high = f.node.bounds.low, f.node.bounds.high
	if f.gap == 1 {
		low, high = -high, -low
	}
	return max(low, 0), high
}

// feasible reports whether some number that begins with f's digits is within the
// bounds.
func (f *frame) feasible() bool {
	low, high := f.magnitude()
	for unit := power(f.node.bounds.places - f.b); f.a <= boundedMost/unit; unit *= 10 {
		if f.a*unit <= high && f.a*unit+(unit-1) >= low {
			return true
		}
		if f.at != numberInt {
			break // there can be no more digits before the point
		}
	}
	return false
}

// power is 10^n.
func power(n int32) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// numberWhole reports whether the number may end at f.
func (f *frame) numberWhole() bool {
	switch f.at {
	case numberZero, numberInt, numberFraction, numberExponent:
	default:
		return false
	}
	if f.node.bounds == nil {
		return true
	}
	low, high := f.magnitude()
	value := f.a * power(f.node.bounds.places-f.b)
	return value >= low && value <= high
}

// limit is a bound in units of 10^-places: the nearest one that is not below it,
// or for a maximum not above. Of an exclusive bound it is the next one.
func limit(text string, places int32, upper, exclusive bool) (int64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, err
	}
	sign := int64(1)
	if upper {
		sign = -1
	}
	if math.Abs(f) > float64(boundedMost/power(places)) {
		if f > 0 == upper {
			return -sign * boundedMost, nil
		}
		return sign * (boundedMost + 1), nil // no number is beyond
	}
	exact, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'f', -1, 64)) // it is a decimal
	exact.Mul(exact, new(big.Rat).SetInt64(power(places)*sign))
	// Now a lower bound in either case: the least integer not below.
	n := new(big.Int).Div(exact.Num(), exact.Denom()) // the floor
	if !exact.IsInt() || exclusive {
		n.Add(n, big.NewInt(1))
	}
	return sign * n.Int64(), nil
}
