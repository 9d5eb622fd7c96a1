package anthropic

// What the events of a block carry, and of a part of one.
type (
	textDelta struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}

	thinkingDelta struct {
		Type     string `json:"type"`
		Thinking string `json:"thinking"`
	}

	signatureDelta struct {
		Type      string `json:"type"`
		Signature string `json:"signature"`
	}

	jsonDelta struct {
		Type string `json:"type"`
		Part string `json:"partial_json"`
	}

	blockStart struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Block any    `json:"content_block"`
	}

	blockDelta struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Delta any    `json:"delta"`
	}

	blockStop struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
	}
)
