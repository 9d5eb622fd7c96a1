// Package flashtest makes devices fail, for the tests of what reads from them.
//
// # What
//
// A Source lies between a flashio.Reader and its file and spoils reads by
// rules: it makes them short, fail, late or wrong. It sits below the Reader's
// scheduler, so that second attempts and errors go the way they go with a real
// device.
//
// # Nouns
//
// A Rule picks reads by the range that they touch and by their count, and names
// a Fault. Memory is a Source without a file.
//
// # Caveats
//
// Which of several concurrent reads is the third depends on timing: a test that
// wants the same thing every time picks by range, or reads one at a time. A
// second attempt is a read of its own and is counted too, so a rule with Count
// 1 tests that an error is overcome and one with Count 2 that it is not.
package flashtest
