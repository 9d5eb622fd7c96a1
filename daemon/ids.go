package daemon

import "context"

// PromptIDs is the prompt of r as the tokens that the model would read. Nothing
// is checked but that the prompt can be made.
func (e *Engine) PromptIDs(ctx context.Context, r *Request) ([]int32, error) {
	return e.prompt(ctx, r)
}
