// Package logbook keeps what a user asked and what was answered, in a SQLite
// database of the user's own.
//
// # What
//
// The tables and fields bear the names that llm's have, so that what people
// wrote for its logs reads these: conversations, responses with the full-text
// index responses_fts, fragments, prompt_fragments, system_fragments,
// fragment_aliases, schemas, tool_calls, tool_results. Identifiers are ULIDs:
// they sort by time.
//
// # Nouns
//
// A Book is an open database. A Response is one prompt and its answer; those of
// one Conversation follow each other. A Fragment is a text that prompts share,
// kept once under the SHA-256 of its content. A Query says which responses are
// wanted.
//
// # Caveats
//
// What is added is added in one transaction: a process that dies leaves the
// book as it was. Several processes may have it open; one that wants to write
// waits a few seconds for another. The database is in WAL mode and its owner's
// alone. A Book may be used by many goroutines.
package logbook
