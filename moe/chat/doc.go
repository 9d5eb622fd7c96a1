// Package chat turns a list of messages into the prompt text a model was
// trained on.
//
// # Nouns
//
// A [Template] is made once per model by [New], from the chat template in the
// model's file. A [Request] holds messages, tools and further variables as
// JSON, whose order of keys the template sees. Where the file has no template,
// or one that does not parse, New chooses a format by architecture and tokens:
// harmony for gpt-oss, ChatML, the [INST] form of Mixtral, or plain text; then
// [Template.Note] says so.
//
// # Caveats
//
// The text contains what the template writes, usually the BOS token and always
// the model's control tokens: tokenize it with control tokens recognised and no
// BOS added. A message may spell out control tokens too; whoever takes messages
// from strangers must decide about that before.
//
// Templates and requests are both treated as hostile: see package jinja for the
// limits of a rendering.
package chat
