package daemon

// Piece is a part of an answer, as soon as it is certain: whole runes, and no
// beginning of a stop string. One of its fields is set, LogProbs beside any.
type Piece struct {
	Text      string     // of the answer
	Reasoning string     // of what the model thinks before it, where it marks that
	Call      *CallPiece // of a tool call
	LogProbs  []TokenLogProb
}

// CallPiece is a part of a tool call. ID and Name come with the first of its
// parts, Arguments in any number of them: JSON when they are put together.
type CallPiece struct {
	Index     int // of the call in its answer
	ID, Name  string
	Arguments string
}

// Call is a whole tool call.
type Call struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // JSON
}
