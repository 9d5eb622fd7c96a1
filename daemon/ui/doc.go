// Package ui is the built-in page, which shows what moed top shows: the budget
// and what it is used for, the rate of tokens, hits and flash reads, which
// experts are used and which of them are in memory, models and requests. It can
// load and unload models, cancel requests and hold a small chat.
//
// # What
//
// Handle serves the page at /ui/ from files inside the binary. The page is the
// same for everybody and holds no data; it asks the person for a token and calls
// /moed/v1 and /v1/chat/completions with it, from the same origin. The token is
// kept for the browser tab (sessionStorage), may be brought once in the fragment
// of the address, #token=…, which browsers do not send, and is taken out of the
// address at once.
//
// # Nouns
//
// The page is plain HTML, CSS and JavaScript modules, without a framework or a
// build step: main.js puts together stream.js (events and answers as they
// arrive), state.js (what is known), charts.js (bars, lines and the heat-map, on
// canvases and in the document), tables.js (models and requests) and chat.js.
//
// # Caveats
//
// Only requests that came in over a loopback address are answered: the page is
// for the person at the machine, or at the end of a tunnel. A strict
// Content-Security-Policy forbids inline scripts and styles, other origins and
// frames. Nothing from a model is ever put in as HTML.
package ui
