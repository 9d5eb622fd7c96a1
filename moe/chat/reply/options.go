package reply

import (
	"crypto/rand"
	"encoding/json"

	"moed/moe/tokenizer"
)

// Options say what is known about an answer. Only Tokenizer is needed.
type Options struct {
	Tokenizer *tokenizer.Tokenizer

	// Prompt is what the answer goes on from. It may have opened the thinking or,
	// in harmony, a message. Force looks at it before its opening is appended;
	// a Reader takes it with the opening or without.
	Prompt []int32
	// Template is the source of the model's chat template, "" if there is none.
	Template     string
	Architecture string // as in general.architecture

	// Tools is a JSON array of tools as in OpenAI's API. Without any, nothing is
	// taken for a call.
	Tools json.RawMessage
	// Forced is the choice that Force was asked about, where its opening has been
	// appended to the prompt, else "".
	Forced string
	// ID makes the ids of calls; nil makes random ones.
	ID func() string

	// Continue says that the answer goes on with a text, so that a space at its
	// beginning belongs to it.
	Continue bool
	// Plain makes everything text.
	Plain bool
}

// Piece is a part of an answer. One of its fields is set. Texts are valid UTF-8.
type Piece struct {
	Text      string
	Reasoning string
	Call      *Call
}

// Call is a tool call, or a part of one: ID and Name come with the first part,
// Arguments, put together, are a JSON object.
type Call struct {
	Index     int // of the call in its answer
	ID, Name  string
	Arguments string
}

// State is what the next token is expected to be part of.
type State uint8

// The states of a Reader.
const (
	InText State = iota
	InReasoning
	InCall
)

func randomID() string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	for i, c := range b {
		b[i] = letters[int(c)%len(letters)]
	}
	return "call_" + string(b[:])
}
