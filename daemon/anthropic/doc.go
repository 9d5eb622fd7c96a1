// Package anthropic speaks Anthropic's Messages API for the models of a shelf.
//
// # What
//
// [Handle] registers /v1/messages, streamed or not, and
// /v1/messages/count_tokens. Text, thinking and tool calls of the model become
// blocks of content.
//
// # Nouns
//
// A question is a request that has been checked and put into the form that chat
// templates know. A reply is a message of the model; a stream sends one in events
// as it comes.
//
// # Caveats
//
// Images and documents are refused. Tools that run at Anthropic are left out, as
// the model could not call them. Of "thinking" only whether it is on is used: its
// budget is the model's own. A prompt that does not fit is refused, never
// truncated.
package anthropic
