// Package reply reads a model's answer, token by token, into what the model
// thinks, what it says and the tools that it calls.
//
// # What
//
// Models mark their thinking and their calls each in its own way: <think> and
// </think>, the channels of harmony (gpt-oss), <tool_call> with JSON or with
// XML-like arguments (Qwen, GLM), [TOOL_CALLS] (Mistral), sections of calls
// (DeepSeek, Kimi), <|tool_call|> with a list (Granite), or a bare JSON object
// (Llama 3). Which of them to look for follows from the chat template and the
// vocabulary.
//
// # Nouns
//
// A Reader takes tokens and gives Pieces: text, reasoning, or a Call. Force says
// how an answer begins, goes on and ends that has to be a call.
//
// # Caveats
//
// A Reader is for one answer and one goroutine. What it gives does not depend on
// how the answer is cut into tokens, only when it gives it. Nothing is shown that
// may yet become a marker. A marker that the vocabulary has as a control token
// counts only as that token; any other counts however it is spelled.
//
// A call is given once it is complete, with all its arguments: what looks like a
// call and is none (broken JSON, a function that nobody offered) is text, down to
// the last byte. Of the answer only markers, and white space next to them, are
// left out. Calls within the thinking are thoughts.
package reply
